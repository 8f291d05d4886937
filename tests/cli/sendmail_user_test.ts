import assert from "node:assert/strict";
import { currentUser, findUser, localHost, type User } from "../../cli/sendmail_user.ts";

const passwd = [
  "root:x:0:0:root:/root:/bin/sh",
  "ann:x:1001:1001:& Other,Room 3,:/home/ann:/bin/sh",
  "ann2:x:1001:1001::/home/ann2:/bin/sh",
  "bob:x:1002:1002::home:/bin/sh",
  "short:x:1003",
  "",
].join("\n");

const ann: User = { login: "ann", fullName: "Ann Other", home: "/home/ann" };
const root: User = { login: "root", fullName: "root", home: "/root" };
const bob: User = { login: "bob", fullName: null, home: null };
const ann2: User = { login: "ann2", fullName: null, home: "/home/ann2" };
const anonymous: User = { login: "anonymous", fullName: null, home: null };

const table: readonly [name: string, uid: number, names: readonly string[], want: User][] = [
  ["the first name of the uid", 1001, [], ann],
  ["the name of the environment", 1001, ["ann2"], ann2],
  ["no name of another uid", 1001, ["bob"], ann],
  ["no name of nobody", 1001, ["nobody"], ann],
  ["a second name when the first is another's", 1001, ["bob", "ann2"], ann2],
  ["any user for root", 0, ["bob"], bob],
  ["root for root", 0, [], root],
  ["root for a name of nobody", 0, ["nobody"], root],
  ["a home that is no path for none", 1002, [], bob],
  ["anonymous for a uid without an entry", 9, [], anonymous],
  ["the environment's name for a uid without an entry", 9, ["carl"], { ...anonymous, login: "carl" }],
  ["anonymous for a uid without an entry that borrows a name", 9, ["ann"], anonymous],
  ["anonymous for a name that is none", 9, ["a b", "<x>"], anonymous],
  ["anonymous for an entry cut short", 1003, [], anonymous],
];

for (const [name, uid, names, want] of table) {
  Deno.test(`findUser() takes ${name}`, () => assert.deepEqual(findUser(passwd, uid, names), want));
}

Deno.test("currentUser() gives a name, and a home that is absolute or none", () => {
  const user = currentUser();
  assert.ok(user.login.length > 0);
  assert.ok(user.home === null || user.home.startsWith("/"));
});

Deno.test("localHost() gives a domain of this machine or none", () => {
  const host = localHost();
  assert.ok(host === null || /^[a-z0-9._[\]:-]+$/i.test(host));
});
