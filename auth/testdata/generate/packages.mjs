// The parts of the packages that create the cases. SessionStore is internal to both packages, so it is imported by path.
import { createRequire } from "node:module";
import { hkdf } from "@panva/hkdf";
import { decode as decode5, encode as encode5, getToken as getToken5 } from "@auth/core/jwt";
import { SessionStore as Store5 } from "./node_modules/@auth/core/lib/utils/cookie.js";

const require = createRequire(import.meta.url);
const next = require("next-auth/jwt");
const { SessionStore: Store4 } = require("./node_modules/next-auth/core/lib/cookie.js");

export const cookie = require("cookie");
export const jose = require("jose"); // the one that next-auth uses
export const v4 = { encode: next.encode, decode: next.decode, getToken: next.getToken, Store: Store4 };
export const v5 = { encode: encode5, decode: decode5, getToken: getToken5, Store: Store5 };
export const versions = Object.fromEntries(
  ["next-auth", "@auth/core"].map((name) => [name, require(`./node_modules/${name}/package.json`).version]),
);

// key4 and key5 are the packages' getDerivedEncryptionKey, which they do not export.
export const key4 = (secret, length = 32) => hkdf("sha256", secret, "", "NextAuth.js Generated Encryption Key", length);
export const key5 = (secret, salt, length = 64) =>
  hkdf("sha256", secret, salt, `Auth.js Generated Encryption Key (${salt})`, length);

const quiet = { debug() {}, warn() {}, error() {} };

// header is the Cookie header that a browser sends after the package's SessionStore has set the token.
export function header(format, name, token) {
  const store = new format.Store({ name, options: {} }, { cookies: {}, headers: {} }, quiet);
  return store.chunk(token, {}).map((c) => cookie.serialize(c.name, c.value)).join("; ");
}

// read is the user that the package itself finds in a request with the cookies; null if it finds no user.
export async function read(format, name, secret, cookies) {
  const claims = await format.getToken({
    req: { headers: { cookie: cookies }, cookies: cookie.parse(cookies) },
    cookieName: name,
    secret,
    logger: quiet,
  });
  return claims === null ? null : (claims.id ?? claims.sub ?? null);
}
