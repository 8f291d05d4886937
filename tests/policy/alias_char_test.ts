import { equal } from "node:assert/strict";
import { localPartLengthMax } from "../../lib/mail/address.ts";
import {
  alnumChar,
  charClasses,
  domainChar,
  isBlank,
  localChar,
  userChar,
  usernameMax,
} from "../../lib/policy/alias_char.ts";

const alnum = /[A-Za-z0-9]/;
const classes: readonly (readonly [name: string, bit: number, member: RegExp])[] = [
  ["names of users", userChar, /[A-Za-z0-9_.+-]/],
  ["local parts", localChar, /[A-Za-z0-9!#$%*/?|^{}`~&'+=_.-]/],
  ["domains", domainChar, /[A-Za-z0-9.-]/],
  ["letters and digits", alnumChar, alnum],
];

for (const [name, bit, member] of classes) {
  Deno.test(`charClasses knows the characters of ${name}`, () => {
    equal(charClasses.length, 128);
    for (const [code, bits] of charClasses.entries()) {
      const char = String.fromCharCode(code);
      equal((bits & bit) !== 0, member.test(char), JSON.stringify(char));
    }
  });
}

Deno.test("isBlank() knows space, HT, LF, VT, FF and CR", () => {
  const blanks = [...Array(256).keys()].filter((code) => isBlank(code));
  equal(String.fromCharCode(...blanks), "\t\n\v\f\r ");
});

Deno.test("usernameMax is that of a local part: RCPT names users by one", () => {
  equal(usernameMax, localPartLengthMax);
});
