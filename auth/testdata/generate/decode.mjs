// Decodes, with next-auth 4 itself, the token on its standard input; the secret is in SECRET. Prints the claims, as decode
// gives them and as getToken does from a cookie and from an Authorization header. The clock is the real one.
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
