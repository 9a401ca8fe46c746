// Drives the official client of AWS KMS against the double. Reads {url, plan} on standard input, where the plan is a list of
// steps, and prints one JSON line for each: {ok: …} or {error: name, status}. Without keys in the plan, credentials come
// the way that the environment says.
"use strict";
const { createRequire } = require("node:module");
const kms = createRequire(process.env.SIGNET_CLIENTS + "/package.json")("@aws-sdk/client-kms");

const octets = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const text = (value) => Buffer.from(value).toString("base64");
const binary = new Set(["Plaintext", "CiphertextBlob", "PublicKey"]);

function readable(value) {
  if (value instanceof Date) return { date: value.toISOString() };
  if (value instanceof Uint8Array) return text(value);
  if (Array.isArray(value)) return value.map(readable);
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).filter(([name]) => name !== "$metadata").map(([name, one]) => [name, readable(one)]));
  return value;
}

async function main() {
  let input = "";
  for await (const piece of process.stdin) input += piece;
  const { url, plan, keys } = JSON.parse(input);
  const clients = new Map();
  const clientFor = (region) => {
    if (!clients.has(region)) {
      const how = { region, endpoint: url, maxAttempts: 1 };
      if (keys) how.credentials = keys;
      clients.set(region, new kms.KMSClient(how));
    }
    return clients.get(region);
  };
  const said = [];
  for (const step of plan) {
    // "$3.CiphertextBlob": what the third answer said.
    const fields = Object.fromEntries(Object.entries(step.fields || {}).map(([name, value]) => {
      const link = typeof value === "string" && /^\$(\d+)\.(\w+)$/.exec(value);
      const known = link ? said[Number(link[1])][link[2]] : value;
      return [name, binary.has(name) && typeof known === "string" ? octets(known) : known];
    }));
    let line;
    try {
      const answer = await clientFor(step.region || "eu-west-1").send(new kms[step.operation + "Command"](fields));
      line = { ok: readable(answer), request: answer.$metadata.requestId || null };
      said.push(answer);
    } catch (error) {
      line = { error: error.name, status: error.$metadata && error.$metadata.httpStatusCode, message: String(error.message) };
      said.push({});
    }
    console.log(JSON.stringify(line));
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
