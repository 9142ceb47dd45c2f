// A login with Countersign, from a site's server: create, wait, redeem. Node.js 20 or later, no dependencies.
//
// COUNTERSIGN_REST, COUNTERSIGN_REALM and COUNTERSIGN_API_KEY (a client's key) say where and as whom.
// The first line on standard output is what a site gives its browser; the second says who has logged in.
// Ends with 0 when somebody has, 1 when not, 2 when the server does not let us ask.
import { randomUUID } from "node:crypto";
import type { components } from "./api.js";

type Schemas = components["schemas"];
type Login = Schemas["Login"];
type NewLogin = Schemas["NewLogin"];
type Identity = Schemas["Identity"];

/** So often a request that met a busy or restarting server is made again. */
const PATIENCE = 5;

/** What the server answers instead: application/problem+json, docs/problems.md. */
class Problem extends Error {
  constructor(readonly status: number, readonly problem: Partial<Schemas["Problem"]>, readonly retryAfter: number | undefined) {
    const wrong = (problem.errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`).join(", ");
    super(problem.detail ?? (wrong || problem.title || `HTTP ${status}`));
  }
}

interface Options {
  body?: object;
  idempotent?: boolean;
  seconds?: number;
}

const sleep = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));

class Countersign {
  readonly #base: string;

  constructor(rest: string, realm: string, readonly key: string) {
    this.#base = `${rest.replace(/\/$/, "")}/v1/realms/${encodeURIComponent(realm)}`;
  }

  async #once<T>(method: string, path: string, { body, seconds = 10 }: Options, idempotencyKey?: string): Promise<T> {
    const headers = new Headers({ authorization: `Bearer ${this.key}`, accept: "application/json" });
    if (body !== undefined) headers.set("content-type", "application/json");
    if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
    const answer = await fetch(this.#base + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(seconds * 1000),
    });
    if (answer.ok) return (await answer.json()) as T;
    const problem = (await answer.json().catch(() => ({}))) as Partial<Schemas["Problem"]>; // or something in between has answered
    const retryAfter = answer.headers.get("retry-after");
    throw new Problem(answer.status, problem, retryAfter && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined);
  }

  /** One request, made again under the same Idempotency-Key when its answer was lost or the server was busy. */
  async #call<T>(method: string, path: string, options: Options = {}): Promise<T> {
    const idempotencyKey = options.idempotent ? randomUUID() : undefined;
    for (let left = PATIENCE - 1; ; left--) {
      try {
        return await this.#once<T>(method, path, options, idempotencyKey);
      } catch (error) {
        let pause = 1;
        if (error instanceof Problem) {
          if (![429, 500, 502, 503, 504].includes(error.status) || error.problem.code === "internal") throw error;
          pause = error.retryAfter ?? 1;
        }
        if (left === 0 || pause > 60) throw error; // a person should hear of it instead
        await sleep(pause);
      }
    }
  }

  createLogin(login: NewLogin): Promise<Login> {
    return this.#call("POST", "/logins", { body: login, idempotent: true });
  }

  /** Until the login is final. What the browser says about it authenticates nobody: this does. */
  async wait(id: string): Promise<Login> {
    for (let v = 0; ; ) {
      const login = await this.#call<Login>("GET", `/logins/${id}?wait=30&after=${v}`, { seconds: 45 });
      if (login.state !== "pending" && login.state !== "claimed") return login;
      v = login.v;
    }
  }

  /** Who it is. `return_token` is what the browser brought to `return_url#cs_return=…`, when it came by link. */
  redeem(id: string, body: Schemas["Redeem"] = {}): Promise<Identity> {
    return this.#call("POST", `/logins/${id}/redeem`, { body, idempotent: true });
  }
}

async function main(): Promise<number> {
  const { COUNTERSIGN_REST: rest, COUNTERSIGN_REALM: realm, COUNTERSIGN_API_KEY: key } = process.env;
  if (!rest || !realm || !key) {
    console.error("set COUNTERSIGN_REST, COUNTERSIGN_REALM and COUNTERSIGN_API_KEY");
    return 2;
  }
  const countersign = new Countersign(rest, realm, key);
  try {
    // Who asks. A site says its browser's address, and the hash of a cookie as "binding".
    const initiator = { address: "127.0.0.1" };
    const login = await countersign.createLogin({ text: "Log in to the TypeScript example", browser: "examples/typescript", initiator });
    console.log(JSON.stringify({ page_url: login.page_url, page_token: login.page_token }));
    const { state, reason } = await countersign.wait(login.id);
    if (state !== "approved") {
      console.error(`nobody is logged in: ${state} (${reason ?? "no reason"})`);
      return 1;
    }
    const identity = await countersign.redeem(login.id);
    console.log(`${identity.user_id} is logged in, by ${identity.via}, until ${identity.ends_at}`);
    return 0;
  } catch (error) {
    if (error instanceof Problem) console.error(`${error.status} ${error.problem.code}: ${error.message} (request ${error.problem.request_id})`);
    else console.error(`the server cannot be reached: ${(error instanceof Error && error.cause) || error}`);
    return 2;
  }
}

process.exitCode = await main();
