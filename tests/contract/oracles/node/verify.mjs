// Says of each delivery on standard input by which of its two keys it verifies: v1 by the reference library, which knows
// no other algorithm; v1a by the platform's own Ed25519, with the key as the API publishes it (JWK).
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

function byReference({ headers, body, secret }) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

function byPlatform({ headers, body, jwk }) {
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  return headers["webhook-signature"]
    .split(" ")
    .filter((token) => token.startsWith("v1a,"))
    .some((token) => verify(null, signed, key, Buffer.from(token.slice(4), "base64")));
}

const deliveries = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(deliveries.map((each) => ({ v1: byReference(each), v1a: byPlatform(each) }))));
