// An identity provider of this machine: oidc-provider, with its own pages for signing in.

import { createServer } from "node:http";
import { createHash, randomBytes } from "node:crypto";
import Provider from "oidc-provider";

/** The audience of the API. */
export const audience = "https://ops.example/api";

/** Listens on a free port; begins with clients that may be sent back to `back`. */
export async function provider() {
  const http = createServer();
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${http.address().port}`;
  const groups = new Map();
  const said = [];
  const known = (account) => ({ preferred_username: `${account}@id`, groups: groups.get(account) ?? [] });
  const begin = (back) => {
    const idp = new Provider(issuer, {
      clients: [
        {
          client_id: "console",
          client_secret: "a secret: with +, &, % and =",
          redirect_uris: [back],
          grant_types: ["authorization_code"],
        },
        {
          client_id: "script",
          token_endpoint_auth_method: "none",
          redirect_uris: ["http://127.0.0.1/back"],
          application_type: "native",
          grant_types: ["authorization_code"],
        },
      ],
      cookies: { keys: ["of a test"] },
      claims: { openid: ["sub", "preferred_username", "groups"] },
      conformIdTokenClaims: false,
      extraTokenClaims: (_, token) => known(token.accountId),
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, ...known(id) }),
      }),
      features: {
        resourceIndicators: {
          enabled: true,
          defaultResource: () => audience,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: "api",
            audience,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
    });
    idp.on("authorization.error", (_, error) => said.push(`${error.error}: ${error.error_description}`));
    idp.on("grant.error", (_, error) => said.push(`${error.error}: ${error.error_detail ?? ""}`));
    http.on("request", idp.callback());
  };
  return {
    issuer,
    begin,
    /** What it refused. */
    said,
    /** The groups of an account, from now on. */
    puts: (account, ...names) => groups.set(account, names),
    stop: () => new Promise((resolve) => (http.closeAllConnections(), http.close(resolve))),
  };
}

/** What a program gets that somebody signs in with: an access token for the API, and the ID token beside it. */
export async function tokens(issuer, account) {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const back = "http://127.0.0.1/back";
  const asked = new URLSearchParams({
    client_id: "script",
    response_type: "code",
    redirect_uri: back,
    scope: "openid api",
    code_challenge: challenge,
    code_challenge_method: "S256",
    nonce: "n",
    resource: audience,
  });
  const jar = new Map();
  const go = async (url, form) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      jar.set(name, value);
    }
    return answer;
  };
  let answer = await go(`${issuer}/auth?${asked}`);
  for (;;) {
    const next = answer.headers.get("location");
    if (next?.startsWith(back)) {
      const code = new URL(next).searchParams.get("code");
      const form = { grant_type: "authorization_code", client_id: "script", code, redirect_uri: back, code_verifier: verifier };
      const given = await fetch(`${issuer}/token`, { method: "POST", body: new URLSearchParams(form) });
      const { access_token: access, id_token: id } = await given.json();
      return { access, id };
    }
    if (next) {
      answer = await go(new URL(next, issuer));
      continue;
    }
    const page = await answer.text();
    const [, action] = /action="([^"]+)"/.exec(page) ?? [];
    if (!action) throw new Error(`no way on from: ${page}`);
    const login = page.includes('name="login"');
    answer = await go(new URL(action, issuer), login ? { prompt: "login", login: account, password: "x" } : { prompt: "consent" });
  }
}
