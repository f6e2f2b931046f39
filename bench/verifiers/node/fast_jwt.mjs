// fast-jwt with its cache of tokens; its keys are those of the issuer at the start.
import { createPublicKey } from "node:crypto";
import { createVerifier } from "fast-jwt";
import { paper, sit } from "./answering.mjs";

const { keys } = await (await fetch(paper.jwks_uri)).json();
const pem = createPublicKey({ key: keys[0], format: "jwk" }).export({ type: "spki", format: "pem" });
const verify = createVerifier({
  key: pem,
  algorithms: ["ES256"],
  allowedIss: paper.issuer,
  allowedAud: paper.audience,
  checkTyp: "at+jwt",
  cache: 10000,
});

await sit((token) => {
  try {
    verify(token);
    return true;
  } catch {
    return false;
  }
});
