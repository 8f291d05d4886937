import { deepEqual, equal, ok } from "node:assert/strict";
import { SessionBook } from "../../lib/daemon/session_book.ts";
import fc from "../support/fast_check.ts";
import { mailboxOf } from "../support/envelope.ts";

Deno.test("every session may be nobody's, and is somebody's only once he has logged in by it", () => {
  const book = new SessionBook();
  deepEqual([book.isUser("a", 1, ""), book.isUser("a", 1, "ann")], [true, false]);
  const entry = book.enter("a", 1);
  ok(entry);
  equal(book.isUser("a", 1, "ann"), false, "he is at it");
  equal(book.logIn("a", entry, "ann"), true);
  deepEqual(["ann", "bob", ""].map((name) => book.isUser("a", 1, name)), [true, false, true]);
  deepEqual([book.isUser("a", 2, "ann"), book.isUser("b", 1, "ann"), book.enter("a", 2)], [false, false, null]);
});

Deno.test("the last sender that was allowed is remembered, of the user who asked", () => {
  const book = new SessionBook();
  const [ann, bob] = [mailboxOf("ann@a.test"), mailboxOf("bob@a.test")];
  book.allow("a", ann);
  equal(book.isAllowed("a", ann), false, "nobody is there");
  const entry = book.enter("a", 1);
  ok(entry && book.logIn("a", entry, "ann"));
  equal(book.isAllowed("a", ann), false);
  book.allow("a", ann);
  deepEqual([ann, bob, null].map((one) => book.isAllowed("a", one)), [true, false, false]);
  book.allow("a", null);
  deepEqual([ann, bob, null].map((one) => book.isAllowed("a", one)), [false, false, true]);
  book.logIn("a", entry, "bob");
  equal(book.isAllowed("a", null), false);
});

Deno.test("whatever an smtp-in says, no more sessions are remembered than may be, and a name only where one logged in", () => {
  const step = fc.record({
    kind: fc.constantFrom("enter", "logIn", "leave"),
    session: fc.constantFrom("a", "b", "c", "d"),
    listener: fc.constantFrom(0, 1),
    user: fc.constantFrom("ann", "bob"),
  });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const book = new SessionBook(2);
    const logins = new Map<string, string>();
    for (const { kind, session, listener, user } of steps) {
      const entry = kind === "leave" ? null : book.enter(session, listener);
      if (kind === "logIn" && entry !== null && book.logIn(session, entry, user)) {
        logins.set(session, `${entry.listener} ${user}`);
      }
      if (kind === "leave") {
        book.leave(session);
        logins.delete(session);
      }
      ok(book.size <= 2);
      for (const one of ["a", "b", "c", "d"]) {
        for (const at of [0, 1]) {
          for (const name of ["ann", "bob"]) equal(book.isUser(one, at, name), logins.get(one) === `${at} ${name}`);
        }
      }
    }
  }));
});
