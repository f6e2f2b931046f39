// jose opens an encrypted access token with the API's key, then verifies what is inside by jwks_uri.
// Arguments: issuer, audience, the key as a JWK. The token comes on standard input.
import { hkdfSync } from "node:crypto";
import { compactDecrypt, createRemoteJWKSet, decodeProtectedHeader, importJWK, jwtVerify } from "jose";

const [issuer, audience, given] = process.argv.slice(2);
let token = "";
for await (const chunk of process.stdin) token += chunk;
token = token.trim();

async function keyFor({ kid }) {
  const jwk = JSON.parse(given);
  if (jwk.kty !== "oct") return importJWK(jwk, "ECDH-ES");
  const secret = Buffer.from(jwk.k, "base64url");
  return new Uint8Array(hkdfSync("sha256", secret, "", `counterfoil token encryption ${kid}`, 32));
}

const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
try {
  const outer = decodeProtectedHeader(token);
  const { plaintext } = await compactDecrypt(token, await keyFor(outer), {
    keyManagementAlgorithms: ["ECDH-ES", "dir"],
    contentEncryptionAlgorithms: ["A256GCM"],
  });
  const { payload, protectedHeader } = await jwtVerify(
    plaintext,
    createRemoteJWKSet(new URL(metadata.jwks_uri)),
    { issuer, audience, typ: "at+jwt", algorithms: ["ES256"], requiredClaims: ["sub", "jti"] },
  );
  console.log(JSON.stringify({ outer, payload, protectedHeader }));
} catch (error) {
  console.log(JSON.stringify({ refused: error.code }));
}
