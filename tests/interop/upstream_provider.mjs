// A provider that is not ours, at which people sign in. Arguments: the port, and our redirect URI.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider from "oidc-provider";

const [, , port, redirectUri] = process.argv;
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...key, use: "sig", alg: "ES256", kid: "theirs" }] },
  clients: [
    {
      client_id: "us",
      client_secret: "a-secret-of-some-length: +%",
      redirect_uris: [redirectUri],
      id_token_signed_response_alg: "ES256",
    },
  ],
  claims: { email: ["email", "email_verified"], profile: ["name"] },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: id }),
  }),
  cookies: { keys: [randomBytes(32).toString("hex")] },
  features: { revocation: { enabled: true } },
});

provider.listen(port, "127.0.0.1", () => console.log("ready"));
