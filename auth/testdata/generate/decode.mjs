// Decodes the token on standard input with next-auth 4; the secret is in SECRET. Prints the claims as decode returns them, and
// as getToken returns them from a cookie and from an Authorization header. Uses the real clock.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { decode, getToken } = createRequire(import.meta.url)("next-auth/jwt");
const token = readFileSync(0, "utf8");
const secret = process.env.SECRET;
const request = (headers, cookies) => getToken({ req: { headers, cookies }, secret, secureCookie: false });

console.log(JSON.stringify({
  decode: await decode({ token, secret }),
  cookie: await request({}, { "next-auth.session-token": token }),
  bearer: await request({ authorization: `Bearer ${token}` }, {}),
}));
