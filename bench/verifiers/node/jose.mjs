// jose with a remote key set, as its documentation shows it.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { paper, sit } from "./answering.mjs";

const keys = createRemoteJWKSet(new URL(paper.jwks_uri));
const demanded = {
  issuer: paper.issuer,
  audience: paper.audience,
  typ: "at+jwt",
  algorithms: ["ES256"],
};

await sit(async (token) => {
  try {
    await jwtVerify(token, keys, demanded);
    return true;
  } catch {
    return false;
  }
});
