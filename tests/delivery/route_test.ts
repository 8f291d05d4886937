import { equal, notStrictEqual, strictEqual } from "node:assert/strict";
import { mtaLimits } from "../../lib/delivery/limits.ts";
import { noRoute } from "../../lib/delivery/outcome.ts";
import { RouteBook } from "../../lib/delivery/route.ts";

const why = noRoute("x");
const book = (change: Partial<typeof mtaLimits> = {}) => new RouteBook({ ...mtaLimits, ...change }, () => {});

Deno.test("RouteBook knows an address and port by its state", () => {
  const routes = book();
  strictEqual(routes.at("192.0.2.1", 25), routes.at("192.0.2.1", 25));
  notStrictEqual(routes.at("192.0.2.1", 25), routes.at("192.0.2.1", 26));
  equal(routes.at("2001:db8::1", 25).key, "[2001:db8::1]:25");
});

Deno.test("RouteBook disables an address that fails before it is ready, and lets it be tried after its penalty", () => {
  const routes = book();
  const route = routes.at("192.0.2.1", 25);
  routes.opening(route, 0);
  routes.failed(route, 0, why);
  equal(route.lastFailure, why);
  equal(routes.isDisabled(route, 14_999), true);
  equal(routes.isDisabled(route, 15_000), false);
  equal(route.failures, 0);
  equal(route.connections, 0);
});

Deno.test("RouteBook lets penalties grow while failures come faster than they run out", () => {
  const routes = book();
  const route = routes.at("192.0.2.1", 25);
  for (let i = 0; i < 3; i++) routes.opening(route, 0);
  for (let i = 0; i < 3; i++) routes.failed(route, 0, why);
  equal(route.disabledUntil, 135_000);
});

Deno.test("RouteBook opens one connection at a time until the first is ready", () => {
  const routes = book();
  const route = routes.at("192.0.2.1", 25);
  equal(routes.hasRoom(route, 0), true);
  routes.opening(route, 0);
  equal(routes.hasRoom(route, 0), false);
  routes.ready(route);
  equal(routes.hasRoom(route, 0), true);
});

Deno.test("RouteBook keeps to connectionsPerHostMax and connectionDelayMs", () => {
  const routes = book({ connectionsPerHostMax: 2, connectionDelayMs: 100 });
  const route = routes.at("192.0.2.1", 25);
  routes.opening(route, 0);
  routes.ready(route);
  equal(routes.hasRoom(route, 99), false);
  equal(routes.hasRoom(route, 100), true);
  routes.opening(route, 100);
  equal(routes.hasRoom(route, 1_000), false);
  routes.closed(route, true);
  equal(routes.hasRoom(route, 1_000), true);
});

Deno.test("RouteBook only pauses an address that serves us on another connection", () => {
  const routes = book();
  const route = routes.at("192.0.2.1", 25);
  routes.opening(route, 0);
  routes.ready(route);
  routes.opening(route, 0);
  routes.failed(route, 0, why);
  equal(routes.isDisabled(route, 0), false);
  equal(routes.hasRoom(route, 2_999), false);
  equal(routes.hasRoom(route, 3_000), true);
});

Deno.test("RouteBook counts a connection that was given up before it was ready", () => {
  const routes = book();
  const route = routes.at("192.0.2.1", 25);
  routes.opening(route, 0);
  routes.closed(route, false);
  equal(route.connections, 0);
  equal(route.opening, 0);
  equal(routes.isDisabled(route, 0), false);
});

Deno.test("RouteBook.pardon() lifts penalty and pause of an address, and of no other", () => {
  const routes = book();
  const route = routes.at("192.0.2.1", 25);
  routes.opening(route, 0);
  routes.failed(route, 0, why);
  const other = routes.at("192.0.2.2", 25);
  routes.opening(other, 0);
  routes.failed(other, 0, why);
  routes.pardon(route);
  equal(routes.isDisabled(route, 0), false);
  equal(routes.hasRoom(route, 0), true);
  equal(routes.isDisabled(other, 0), true);
});

Deno.test("RouteBook forgets the oldest address without connections when it is full", () => {
  const routes = book({ routesMax: 2 });
  const used = routes.at("192.0.2.1", 25);
  routes.opening(used, 0);
  const idle = routes.at("192.0.2.2", 25);
  routes.at("192.0.2.3", 25);
  strictEqual(routes.at("192.0.2.1", 25), used);
  notStrictEqual(routes.at("192.0.2.2", 25), idle);
});
