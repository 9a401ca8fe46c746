// Drives node-vault against the double, and prints what it saw.
"use strict";
const { createRequire } = require("node:module");
const load = createRequire(process.env.SIGNET_CLIENTS + "/package.json");
const open = load("node-vault");

const env = process.env;
const seen = {};

async function failure(deed) {
  try {
    await deed();
    return "ok";
  } catch (error) {
    return [error.response?.statusCode ?? null, error.message];
  }
}

async function main() {
  const settings = { endpoint: env.SERVER, namespace: env.SPACE || undefined };
  const guest = open(settings);
  const login = await guest.approleLogin({ role_id: env.ROLE, secret_id: env.SECRET });
  const vault = open({ ...settings, token: login.auth.client_token });
  seen.lease = login.auth.lease_duration;

  await vault.write("transit/keys/made", { type: "aes256-gcm96" });
  const key = (await vault.read("transit/keys/made")).data;
  seen.key = { type: key.type, latest: key.latest_version, least: key.min_decryption_version };

  const plaintext = Buffer.from("a data key").toString("base64");
  const aad = Buffer.from("bound").toString("base64");
  const sealed = (await vault.write("transit/encrypt/made", { plaintext, associated_data: aad })).data;
  seen.version = [sealed.ciphertext.split(":")[1], sealed.key_version];
  seen.opened = (await vault.write("transit/decrypt/made", { ciphertext: sealed.ciphertext, associated_data: aad })).data.plaintext === plaintext;
  seen.unbound = await failure(() => vault.write("transit/decrypt/made", { ciphertext: sealed.ciphertext }));
  seen.opens = (await vault.write(`transit/decrypt/${env.KEY}`, { ciphertext: env.WRAPPED, associated_data: env.BOUND })).data.plaintext;

  await vault.write("transit/keys/made/rotate", {});
  const moved = (await vault.write("transit/rewrap/made", { ciphertext: (await vault.write("transit/encrypt/made", { plaintext, key_version: 1 })).data.ciphertext })).data;
  seen.rewrapped = moved.ciphertext.split(":")[1];
  await vault.write("transit/keys/made/config", { min_decryption_version: 2 });
  seen.too_old = await failure(() => vault.write("transit/decrypt/made", { ciphertext: sealed.ciphertext, associated_data: aad }));
  seen.too_new = await failure(() => vault.write("transit/decrypt/made", { ciphertext: sealed.ciphertext.replace("v1", "v9") }));
  seen.missing = await failure(() => vault.read("transit/keys/nothing"));
  seen.missing_use = await failure(() => vault.write("transit/decrypt/nothing", { ciphertext: sealed.ciphertext }));
  seen.datakey = (await vault.write("transit/datakey/plaintext/made", { bits: 256 })).data.plaintext.length;

  seen.denied = await failure(() => open({ ...settings, token: env.POOR }).read("transit/keys/made"));
  seen.no_token = await failure(() => open({ ...settings, token: "hvs.nothing" }).read("transit/keys/made"));
  seen.wrong_login = await failure(() => guest.approleLogin({ role_id: env.ROLE, secret_id: "wrong" }));
  seen.health = (await guest.health()).cluster_id;
}

main().then(() => process.stdout.write(JSON.stringify(seen) + "\n"), (error) => {
  process.stderr.write(`${error.stack}\n${JSON.stringify(seen)}\n`);
  process.exitCode = 1;
});
