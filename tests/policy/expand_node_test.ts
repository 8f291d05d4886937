import assert from "node:assert/strict";
import {
  type AddressNode,
  anchorOf,
  elementOf,
  identityOf,
  type LeafNode,
  userAbove,
} from "../../lib/policy/expand_node.ts";
import { mailbox } from "./tables.ts";

const address: AddressNode = {
  kind: "address",
  id: 0,
  mailbox: mailbox("ann@a.test"),
  isInternal: false,
  depth: 0,
  parent: null,
  action: null,
};

function leaf(change: Partial<LeafNode>): LeafNode {
  const value = { kind: "username", name: "ann" } as const;
  const base = { kind: "leaf", id: 1, depth: 1, parent: address, anchor: address, source: "table" } as const;
  return { ...base, value, isSameUser: false, user: null, ...change };
}

const ann = leaf({ user: { name: "ann", subAddress: "", uid: 1 } });
const bob = leaf({ value: { kind: "username", name: "bob" }, user: { name: "bob", subAddress: "", uid: 2 } });
const command = { kind: "command", command: "log" } as const;

Deno.test("identityOf() takes elements for one that lead to the same deliveries", () => {
  const other: AddressNode = { ...address, id: 7, parent: ann };
  const cases: readonly (readonly [string, AddressNode | LeafNode, AddressNode | LeafNode, boolean])[] = [
    ["the same user", leaf({}), leaf({ id: 5, depth: 3 }), true],
    ["another user", leaf({}), bob, false],
    ["below another address", leaf({}), leaf({ anchor: other, parent: other }), false],
    ["a user and himself", leaf({}), leaf({ isSameUser: true }), false],
    [
      "a command of a table below two users",
      leaf({ value: command, parent: ann }),
      leaf({ value: command, parent: bob }),
      true,
    ],
    [
      "a command of two users",
      leaf({ value: command, parent: ann, source: "forward" }),
      leaf({ value: command, parent: bob, source: "forward" }),
      false,
    ],
    [
      "a command of a table and of a user",
      leaf({ value: command, parent: ann }),
      leaf({ value: command, parent: ann, source: "forward" }),
      false,
    ],
    [
      "a file and a Maildir of one path",
      leaf({ value: { kind: "file", path: "/x" } }),
      leaf({ value: { kind: "maildir", path: "/x" } }),
      false,
    ],
    ["an address and the same below it", other, { ...other, id: 9 }, true],
  ];
  for (const [what, a, b, want] of cases) assert.equal(identityOf(a) === identityOf(b), want, what);
});

Deno.test("anchorOf(), userAbove() and elementOf() look up the tree", () => {
  const below = leaf({ value: command, parent: ann });
  assert.equal(anchorOf(below), address);
  assert.equal(anchorOf(address), address);
  assert.equal(userAbove(below), ann);
  assert.equal(userAbove(leaf({ value: command })), null);
  assert.equal(elementOf(address), "address");
  assert.equal(elementOf(below), "command");
});
