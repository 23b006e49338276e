// Prints the session tokens that the tests of package auth read. See README.md.
import { now, seconds } from "./clock.mjs";
import { generateKeyPairSync } from "node:crypto";
import { cookie, header, jose, key4, key5, read, v4, v5, versions } from "./packages.mjs";

// The first two are the service's secrets, newest first. Secrets are bytes: neither trimmed nor decoded.
const [current, previous, foreign] = ["the+current/secret=비밀", "the previous secret", "a secret of somebody else's"];

const PLAIN4 = "next-auth.session-token";
const PLAIN5 = "authjs.session-token";
const CUSTOM = "study.session";
const HUNDRED_YEARS = 100 * 365 * 24 * 60 * 60;

const person = { name: "김철수", email: "chulsoo@example.com", picture: null, sub: "user-456", id: "user-456" };
const claims = {
  ...person, role: "USER", status: "ACTIVE", provider: "CREDENTIALS", isAdmin: false, adminRole: null,
  restrictedActions: [], restrictedUntil: null,
};
// A data: URL as the picture makes a token large.
const large = { ...claims, picture: "data:image/png;base64," + "iVBORw0KGgo".repeat(330) };
const larger = { ...claims, picture: "data:image/png;base64," + "iVBORw0KGgo".repeat(800) };

const cases = [];

// add records a case: the cookies, the user that they must name (null: no user) and the user that the package itself reads from
// them; the token in the cookies ("" for cases about cookies), and the user that the token alone must name.
async function add(name, format, token, user, { cookieName, secret = current, cookies, bare = user, always = false } = {}) {
  cookieName ??= format === v4 ? PLAIN4 : PLAIN5;
  cookies ??= header(format, cookieName, token);
  const real = await read(format, cookieName, secret, cookies).catch(() => null);
  cases.push({ name, format: format === v4 ? "v4" : "v5", cookies, user, real, token, bare, always });
}

const encode4 = (token, options = {}) => v4.encode({ token, secret: current, maxAge: HUNDRED_YEARS, ...options });
const encode5 = (token, options = {}) => v5.encode({ token, secret: current, salt: PLAIN5, maxAge: HUNDRED_YEARS, ...options });

const bytes = (value) => (typeof value === "string" ? new TextEncoder().encode(value) : value);

// seal encrypts any text as next-auth 4 does, except for the given overrides.
async function seal(text, { alg = "dir", enc = "A256GCM", key, ...rest } = {}) {
  return new jose.CompactEncrypt(bytes(text)).setProtectedHeader({ alg, enc, ...rest }).encrypt(key ?? (await key4(current)));
}
const sealClaims = (changes, options) => seal(JSON.stringify({ ...claims, iat: seconds, exp: seconds + 3600, ...changes }), options);

// ---- tokens that must be accepted
await add("v4", v4, await encode4(claims), "user-456", { always: true });
await add("v4 over HTTPS", v4, await encode4(claims), "user-456", { cookieName: "__Secure-" + PLAIN4, always: true });
await add("v4 with a cookie name of the app's own", v4, await encode4(claims), "user-456", { cookieName: CUSTOM, always: true });
await add("v4 in two chunks", v4, await encode4(large), "user-456", { always: true });
await add("v4 in four chunks", v4, await encode4(larger), "user-456", { always: true });
await add("v4 for a day", v4, await encode4(claims, { maxAge: 24 * 60 * 60 }), "user-456");
await add("v4 with the packages' own claims alone", v4, await encode4({ name: "이영희", sub: "user-789" }), "user-789");
await add("v4 of the previous secret", v4, await encode4(claims, { secret: previous }), "user-456", { secret: previous });
await add("v5", v5, await encode5(claims), "user-456", { always: true });
const secure5 = "__Secure-" + PLAIN5;
await add("v5 over HTTPS", v5, await encode5(claims, { salt: secure5 }), "user-456", { cookieName: secure5, always: true });
await add("v5 with a cookie name of the app's own", v5, await encode5(claims, { salt: CUSTOM }), "user-456", { cookieName: CUSTOM });
await add("v5 in two chunks", v5, await encode5(large), "user-456", { always: true });
await add("v5 of the previous secret", v5, await encode5(claims, { secret: previous }), "user-456", { secret: [current, previous] });
await add("v5 without kid", v5, await sealClaims({}, { enc: "A256CBC-HS512", key: await key5(current, PLAIN5) }), "user-456");

await add("v5 with typ", v5, await sealClaims({}, { enc: "A256CBC-HS512", typ: "JWT", key: await key5(current, PLAIN5) }), "user-456");

// ---- the clock: 15 seconds of tolerance
await add("expires never", v4, await seal(JSON.stringify(claims)), "user-456");
await add("expired 14 s ago", v4, await sealClaims({ exp: seconds - 14 }), "user-456");
await add("expired 15 s ago less a fraction", v4, await sealClaims({ exp: seconds - 14.5 }), "user-456");
await add("valid in 15 s", v4, await sealClaims({ nbf: seconds + 15 }), "user-456");
await add("issued in the future", v4, await sealClaims({ iat: seconds + 3600 }), "user-456");
await add("expired 15 s ago", v4, await sealClaims({ exp: seconds - 15 }), null);
await add("expired", v4, await encode4(claims, { maxAge: -60 }), null);
await add("expired, v5", v5, await encode5(claims, { maxAge: -60 }), null);
await add("expired, in chunks", v4, await encode4(large, { maxAge: -60 }), null);
await add("valid in 16 s", v4, await sealClaims({ nbf: seconds + 16 }), null);
await add("valid in an hour", v4, await encode4({ ...claims, nbf: seconds + 3600 }), null);
await add("valid in an hour, v5", v5, await encode5({ ...claims, nbf: seconds + 3600 }), null);

// ---- claims of other types
for (const name of ["exp", "nbf", "iat"]) {
  await add(`${name} is text`, v4, await sealClaims({ [name]: String(seconds) }), null);
  await add(`${name} is null`, v4, await sealClaims({ [name]: null }), null);
}
await add("id is a number", v4, await sealClaims({ id: 456 }), null);
await add("id is empty", v4, await sealClaims({ id: "" }), null);
await add("id is null", v4, await sealClaims({ id: null }), null);
await add("id in capitals is no id", v4, await seal(JSON.stringify({ ID: "user-100", sub: "user-456" })), "user-456");
await add("nobody", v4, await encode4({ name: "김철수" }), null);
await add("claims are a list", v4, await seal('["user-456"]'), null);
await add("claims are null", v4, await seal("null"), null);
await add("claims are not JSON", v4, await seal("user-456"), null);
await add("claims are not UTF-8", v5, await seal(new Uint8Array([0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]),
  { enc: "A256CBC-HS512", key: await key5(current, PLAIN5) }), null);

// ---- other secrets, keys and algorithms
await add("another secret", v4, await encode4(claims, { secret: foreign }), null);
await add("another secret, v5", v5, await encode5(claims, { secret: foreign }), null);
await add("the secret with a line's end", v4, await encode4(claims, { secret: current + "\n" }), null);
await add("another cookie's token, v5", v5, await encode5(claims, { salt: secure5 }), null, { bare: "user-456" });
await add("a token that next-auth makes for its own use", v4, await encode4({ value: "user-456" }, { salt: "next-auth.state" }), null);
await add("a session with a salt", v4, await encode4(claims, { salt: PLAIN4 }), null);
await add("v5's key with A256GCM", v5, await sealClaims({}, { key: await key5(current, PLAIN5, 32) }), null);
await add("v4's key with A256CBC-HS512", v4, await sealClaims({}, { enc: "A256CBC-HS512", key: await key4(current, 64) }), null);
await add("v5 with another kid", v5, await sealClaims({}, { enc: "A256CBC-HS512", kid: "mine", key: await key5(current, PLAIN5) }), null);
for (const [enc, length] of [["A128GCM", 16], ["A192GCM", 24], ["A128CBC-HS256", 32], ["A192CBC-HS384", 48]]) {
  await add(enc, v4, await sealClaims({}, { enc, key: await key4(current, length) }), null);
}
for (const alg of ["A256KW", "A256GCMKW"]) {
  await add(alg, v4, await sealClaims({}, { alg }), null);
}
await add("PBES2", v4, await sealClaims({}, { alg: "PBES2-HS256+A128KW", key: bytes(current) }), null);
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
await add("RSA-OAEP", v4, await sealClaims({}, { alg: "RSA-OAEP", key: rsa }), null);
await add("RSA-OAEP-256", v4, await sealClaims({}, { alg: "RSA-OAEP-256", key: rsa }), null);
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
await add("ECDH-ES", v4, await sealClaims({}, { alg: "ECDH-ES", key: ec }), null);
await add("compressed", v4, await sealClaims({}, { zip: "DEF" }), null);
await add("none", v4, new jose.UnsecuredJWT(claims).setIssuedAt().setExpirationTime(seconds + 3600).encode(), null);
for (const [what, key] of [["secret", bytes(current)], ["key", await key4(current)]]) {
  await add(`signed with the ${what}, not encrypted`, v4, await new jose.SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(key), null);
}
const none = await encode4(claims);
await add("none in the header of an encrypted one", v4,
  [Buffer.from('{"alg":"none","enc":"A256GCM"}').toString("base64url"), ...none.split(".").slice(1)].join("."), null);

// ---- cookies in chunks
const token = await encode4(larger);
const quarters = header(v4, PLAIN4, token).split("; ");
const [stale, fresh] = [await encode4(claims, { maxAge: -60 }), await encode4({ ...claims, id: "user-789" })];
const pieces = async (name, cookies, user) => add(name, v4, "", user, { cookies: cookies.join("; "), bare: null });
await pieces("chunks in another order", [2, 0, 3, 1].map((i) => quarters[i]), "user-456");
const many = Array.from({ length: 13 }, (_, i) => cookie.serialize(`${PLAIN4}.${i}`, token.slice(i * 1000, i === 12 ? undefined : (i + 1) * 1000)));
await pieces("13 chunks, sorted as text", [...many].sort(), "user-456");
for (const i of quarters.keys()) {
  await pieces(`chunk ${i} is missing`, quarters.filter((_, j) => j !== i), null);
}
await pieces("two chunks have changed places", [quarters[0], quarters[1].replace(".1=", ".2="), quarters[2].replace(".2=", ".1="), quarters[3]], null);
await pieces("chunks count from 1", quarters.map((c, i) => c.replace(`.${i}=`, `.${i + 1}=`)), null);
await pieces("a chunk too many", [...quarters, `${PLAIN4}.4=AAAA`], null);
await pieces("a chunk of another token", [...quarters.slice(0, 3), header(v4, PLAIN4, await encode4(larger)).split("; ")[3]], null);
await pieces("a stale cookie beside the chunks of a current one", [`${PLAIN4}=${stale}`, ...quarters], "user-456");
await pieces("a current cookie beside chunks that were left", [`${PLAIN4}=${fresh}`, ...quarters], "user-789");
await pieces("of two cookies of one name the first", [`${PLAIN4}=${fresh}`, `${PLAIN4}=${none}`], "user-789");
await pieces("other cookies around it", ["next-auth.csrf-token=abc%7Cdef", "next-auth.callback-url=https%3A%2F%2Fexample.com", `${PLAIN4}=${none}`, "theme"], "user-456");
await pieces("in quotes", [`${PLAIN4}="${none}"`], "user-456");
await pieces("another name's start", [`${PLAIN4}2=${none}`], null);
await pieces("empty", [`${PLAIN4}=`], null);

console.log(JSON.stringify({ packages: versions, clock: new Date(now).toISOString(), secrets: [current, previous], cookie: CUSTOM, cases }, null, 1));
