// How a verifier in Node is examined: questions on standard input, answers in JSON.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export const paper = JSON.parse(readFileSync(process.argv[2], "utf8"));

export async function sit(accepts) {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [kind, first, number] = line.split(" ");
    const there = paper[kind];
    const tokens = Array.isArray(there)
      ? there.slice(Number(first), Number(first) + Number(number))
      : [there];
    const times = Array.isArray(there) ? 1 : Number(number);
    let accepted = 0;
    const begun = process.hrtime.bigint();
    for (let time = 0; time < times; time += 1) {
      for (const token of tokens) {
        const answer = accepts(token);
        accepted += Number(answer instanceof Promise ? await answer : answer);
      }
    }
    const took = Number(process.hrtime.bigint() - begun);
    console.log(JSON.stringify({ ns: took / (times * tokens.length), accepted }));
  }
}
