// A provider that is not ours tells a client of logouts. Arguments: the port, the client's address.
// Each line on standard input is a JSON object with sub and sid; it answers with what came of it.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const [port, uri] = process.argv.slice(2);
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...key, use: "sig", alg: "ES256", kid: "theirs" }] },
  clients: [
    {
      client_id: "us",
      client_secret: "a-secret-of-some-length-of-ours",
      redirect_uris: ["http://127.0.0.1:9/callback"],
      id_token_signed_response_alg: "ES256",
      backchannel_logout_uri: uri,
      backchannel_logout_session_required: true,
    },
  ],
  cookies: { keys: [randomBytes(32).toString("hex")] },
  features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: false } },
});

provider.listen(port, "127.0.0.1", async () => {
  console.log("ready");
  const client = await provider.Client.find("us");
  for await (const line of createInterface({ input: process.stdin })) {
    const { sub, sid } = JSON.parse(line);
    await client.backchannelLogout(sub, sid).then(
      () => console.log("told"),
      (error) => console.log(`refused: ${error.message}`),
    );
  }
});
