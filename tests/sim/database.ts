/** A database server that does what a test says. */

import { Fault } from "../../lib/fault.ts";
import type { DatabaseDrivers, DatabaseServer, ServerLogin, ServerSession } from "../../lib/port_database.ts";

/** A server of fake sessions. */
export class FakeServer<Request, Answer> implements DatabaseServer<Request, Answer> {
  /** `silent` never answers, neither to a connection nor to a question. */
  state: "up" | "refuses" | "silent" | "drops" = "up";
  /** What was asked, in order. */
  readonly asked: Request[] = [];
  /** Sessions that are open. */
  readonly sessions = new Set<FakeSession<Request, Answer>>();
  /** Sessions that were ever opened. */
  opened = 0;
  /** What it says. May throw a Fault, or give a promise. */
  answer: (request: Request) => Answer | Promise<Answer>;

  constructor(answer: (request: Request) => Answer | Promise<Answer>) {
    this.answer = answer;
  }

  connect(_signal: AbortSignal, lost: () => void): Promise<ServerSession<Request, Answer>> {
    if (this.state === "refuses") return Promise.reject(new Fault("unavailable", "cannot reach db: refused"));
    if (this.state === "silent") return new Promise(() => {});
    const session = new FakeSession(this, lost);
    this.opened++;
    if (this.state === "drops") lost();
    else this.sessions.add(session);
    return Promise.resolve(session);
  }

  /** Ends all sessions. `isTold` says whether the other side hears of it. */
  restart(isTold: boolean): void {
    for (const session of [...this.sessions]) session.end(isTold);
  }
}

class FakeSession<Request, Answer> implements ServerSession<Request, Answer> {
  readonly #server: FakeServer<Request, Answer>;
  readonly #lost: () => void;
  #isOver = false;

  constructor(server: FakeServer<Request, Answer>, lost: () => void) {
    this.#server = server;
    this.#lost = lost;
  }

  async ask(request: Request): Promise<Answer> {
    if (this.#isOver) throw new Fault("closed", "the session is over");
    this.#server.asked.push(request);
    if (this.#server.state === "silent") return await new Promise(() => {});
    return await this.#server.answer(request);
  }

  close(): void {
    this.#isOver = true;
    this.#server.sessions.delete(this);
  }

  end(isTold: boolean): void {
    this.close();
    if (isTold) this.#lost();
  }
}

/** Drivers that give fake servers, and keep how they were entered. */
export function fakeDrivers(servers: Partial<DatabaseDrivers>): DatabaseDrivers & { readonly logins: ServerLogin[] } {
  const logins: ServerLogin[] = [];
  const none = () => {
    throw new Error("no such server in this test");
  };
  const kept = <Login extends ServerLogin, Server>(make: (login: Login) => Server) => (login: Login): Server => {
    logins.push(login);
    return make(login);
  };
  return {
    logins,
    postgres: kept(servers.postgres ?? none),
    mysql: kept(servers.mysql ?? none),
    redis: kept(servers.redis ?? none),
    ldap: kept(servers.ldap ?? none),
  };
}
