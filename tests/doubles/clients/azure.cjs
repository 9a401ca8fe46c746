// Drives @azure/keyvault-keys and @azure/identity against the double, and prints what they saw.
"use strict";
const fs = require("node:fs");
const { createRequire } = require("node:module");
const load = createRequire(process.env.SIGNET_CLIENTS + "/package.json");
const { KeyClient, CryptographyClient } = load("@azure/keyvault-keys");
const identity = load("@azure/identity");

const env = process.env;
const login = { authorityHost: env.AUTHORITY, disableInstanceDiscovery: true };
const patience = { retryOptions: { maxRetries: 0 } };
const options = { disableChallengeResourceVerification: true, ...patience };
const seen = {};

async function failure(deed) {
  try {
    await deed();
    return "ok";
  } catch (error) {
    return [error.statusCode ?? null, error.code ?? error.name, (error.details?.error?.innerError ?? error.details?.error?.innererror)?.code ?? null];
  }
}

async function main() {
  const secret = new identity.ClientSecretCredential(env.TENANT, env.CLIENT, env.SECRET, { ...login, ...patience });
  const keys = new KeyClient(env.VAULT, secret, options);

  const created = await keys.createRsaKey("made", { keySize: 2048, keyOps: ["wrapKey", "unwrapKey"], tags: { env: "test" } });
  const key = await keys.getKey("made");
  seen.key = { id: key.id, name: key.name, version: key.properties.version, type: key.keyType, operations: key.keyOperations,
    enabled: key.properties.enabled, recovery: key.properties.recoveryLevel, days: key.properties.recoverableDays, tags: key.properties.tags,
    same: key.properties.version === created.properties.version };

  const data = Buffer.from("thirty-two octets of a data key.");
  const crypto = new CryptographyClient(key.id, secret, options);
  const wrapped = await crypto.wrapKey("RSA-OAEP-256", data);
  const opened = await crypto.unwrapKey("RSA-OAEP-256", wrapped.result);
  seen.wrap = { id: wrapped.keyID, octets: wrapped.result.length, same: Buffer.from(opened.result).equals(data) };
  seen.damaged = await failure(() => crypto.unwrapKey("RSA-OAEP-256", Buffer.alloc(256, 1)));

  // What was wrapped by Signet's own shapes opens here.
  seen.opens = Buffer.from((await new CryptographyClient(env.KEY_ID, secret, options)
    .unwrapKey("RSA-OAEP-256", Buffer.from(env.WRAPPED, "base64"))).result).toString("base64");

  const rotated = await keys.rotateKey("made");
  const versions = [];
  for await (const one of keys.listPropertiesOfKeyVersions("made")) versions.push(one.version);
  seen.versions = { count: versions.length, newest: (await keys.getKey("made")).properties.version === rotated.properties.version };
  const names = [];
  for await (const one of keys.listPropertiesOfKeys()) names.push(one.name);
  seen.names = names;

  await keys.updateKeyProperties("made", created.properties.version, { enabled: false });
  seen.disabled_shown = (await keys.getKey("made", { version: created.properties.version })).properties.enabled;
  const old = new CryptographyClient(created.id, secret, options);
  seen.disabled = await failure(() => old.unwrapKey("RSA-OAEP-256", wrapped.result));
  await keys.updateKeyProperties("made", created.properties.version, { enabled: true, expiresOn: new Date(1000) });
  seen.expired_unwraps = await failure(() => old.unwrapKey("RSA-OAEP-256", wrapped.result));
  const remote = new CryptographyClient(created.id, secret, options);
  // The client judges dates itself before it wraps: the double's own word is asked for without it.
  seen.expired_wraps = await failure(() => remote.wrapKey("RSA-OAEP-256", data));
  seen.missing = await failure(() => keys.getKey("nothing"));
  seen.missing_version = await failure(() => keys.getKey("made", { version: "0".repeat(32) }));

  const blob = await keys.backupKey("made");
  const poller = await keys.beginDeleteKey("made", { intervalInMs: 50 });
  const deleted = await poller.pollUntilDone();
  seen.deleted = { recovery: deleted.properties.recoveryId, purge: deleted.properties.scheduledPurgeDate instanceof Date };
  seen.deleted_get = await failure(() => keys.getKey("made"));
  seen.deleted_create = await failure(() => keys.createRsaKey("made"));
  seen.purge = await failure(() => keys.purgeDeletedKey("made"));
  const recovered = await (await keys.beginRecoverDeletedKey("made", { intervalInMs: 50 })).pollUntilDone();
  seen.recovered = recovered.name;
  seen.restored_over = await failure(() => keys.restoreKeyBackup(blob));

  // Who may do less.
  const other = new KeyClient(env.VAULT, new identity.ClientSecretCredential(env.TENANT, env.OTHER, env.SECRET, { ...login, ...patience }), options);
  seen.denied = await failure(() => other.getKey("made"));

  // Other ways to prove who one is.
  const ways = {
    certificate: new identity.ClientCertificateCredential(env.TENANT, env.CLIENT_OF_CERTIFICATE, { certificatePath: env.CERTIFICATE }, { ...login, ...patience }),
    federated: new identity.WorkloadIdentityCredential({ tenantId: env.TENANT, clientId: env.CLIENT_OF_PLATFORM, tokenFilePath: env.TOKEN_FILE, ...login, ...patience }),
    machine: new identity.ManagedIdentityCredential(),
    wrong: new identity.ClientSecretCredential(env.TENANT, env.CLIENT, "wrong", { ...login, ...patience }),
  };
  seen.ways = {};
  for (const [name, credential] of Object.entries(ways)) {
    try {
      await new KeyClient(env.VAULT, credential, options).getKey("made");
      seen.ways[name] = "ok";
    } catch (error) {
      seen.ways[name] = [error.name, error.errorResponse?.error ?? null, String(error.message).slice(0, 300)];
    }
  }
}

main().then(() => fs.writeSync(1, JSON.stringify(seen) + "\n"), (error) => {
  fs.writeSync(2, `${error.stack}\n${JSON.stringify(seen)}\n`);
  process.exitCode = 1;
});
