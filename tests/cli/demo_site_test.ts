import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DemoFailure, DemoSite } from "../../cli/demo_site.ts";

/** Lets `run` use a site and removes it, whatever comes of it. */
async function withSite(run: (site: DemoSite) => void | Promise<void>): Promise<void> {
  const site = new DemoSite();
  try {
    await run(site);
  } finally {
    await site.stop().catch(() => {});
    site.remove();
  }
}

Deno.test("a DemoSite is a directory for texts, gone when removed", async () => {
  let folder = "";
  await withSite((site) => {
    folder = site.folder;
    site.write("a/b", "two\n");
    site.write("a/a", "one\n");
    deepEqual(site.texts("a"), [
      { path: `${folder}/a/a`, text: "one\n" },
      { path: `${folder}/a/b`, text: "two\n" },
    ]);
    deepEqual(site.texts("nothing"), []);
    equal(site.state, `${folder}/state`);
  });
  await rejects(Deno.stat(folder), Deno.errors.NotFound);
});

Deno.test("a DemoSite has a port of its own where the usual one is taken", async () => {
  await withSite((first) => {
    using _taken = Deno.listen({ hostname: "127.0.0.1", port: first.port });
    if (first.isUsualPort) ok(!new DemoSiteOnce().isUsualPort);
  });
});

/** A site that is removed as soon as it is made. */
class DemoSiteOnce extends DemoSite {
  constructor() {
    super();
    this.remove();
  }
}

Deno.test("DemoSite.start() fails with smtpd's reason when smtpd does not start", async () => {
  await withSite(async (site) => {
    site.write("smtpd.conf", "listen on nowhere.invalid. port x\n");
    await rejects(site.start(), new DemoFailure("smtpd ended at once"));
    match(site.log, /smtpd\.conf:1:\d+: error: /);
  });
});

Deno.test("DemoSite starts a smtpd, and stop() ends it", async () => {
  await withSite(async (site) => {
    site.write("smtpd.conf", `listen on 127.0.0.1 port ${site.port}\naction "out" relay\nmatch for any action "out"\n`);
    await site.start();
    (await Deno.connect({ hostname: "127.0.0.1", port: site.port })).close();
    await site.stop();
    await rejects(Deno.connect({ hostname: "127.0.0.1", port: site.port }), Deno.errors.ConnectionRefused);
    match(site.log, /^smtpd: exiting$/m);
    await site.stop();
  });
});
