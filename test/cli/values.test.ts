// The values of options: sizes, durations, versions, addresses, and JSON in Go's manner.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { goJson } from "../../src/cli/go-json.ts";
import { parseMetaAddress } from "../../src/cli/meta-address.ts";
import {
  humanBytes,
  parseBoolean,
  parseBytes,
  parseCount,
  parseDurationMs,
  parseMbps,
} from "../../src/cli/values.ts";
import { compareVersions, isVersion } from "../../src/cli/version.ts";

test("sizes take a unit, a bare number counts in the option's own", () => {
  assert.is(parseBytes("--x", "4M", "K"), 4 * 2 ** 20);
  assert.is(parseBytes("--x", "4m", "K"), 4 * 2 ** 20);
  assert.is(parseBytes("--x", "300", "M"), 300 * 2 ** 20);
  assert.is(parseBytes("--x", "1.5G", "M"), 1.5 * 2 ** 30);
  assert.is(parseBytes("--x", "100", "G"), 100 * 2 ** 30);
  assert.is(parseBytes("--x", "512B", "G"), 512);
  assert.is(parseBytes("--x", "0", "G"), 0);
  for (const bad of ["", "x", "-1", "4X", "4MM", "1e3", "9999999999999P"]) {
    assert.throws(() => parseBytes("--x", bad, "M"), /--x/, bad);
  }
});

test("durations are Go's, days and bare seconds", () => {
  assert.is(parseDurationMs("--x", "1.0s"), 1000);
  assert.is(parseDurationMs("--x", "1h30m"), 5_400_000);
  assert.is(parseDurationMs("--x", "100ms"), 100);
  assert.is(parseDurationMs("--x", "0.5"), 500);
  assert.is(parseDurationMs("--x", "12"), 12_000);
  assert.is(parseDurationMs("--x", "2d"), 172_800_000);
  for (const bad of ["", "s", "1x", "-1s", "1s2"]) {
    assert.throws(() => parseDurationMs("--x", bad), /--x/, bad);
  }
});

test("counts, bandwidths and booleans", () => {
  assert.is(parseCount("--x", "0"), 0);
  assert.is(parseMbps("--x", "200"), 200);
  assert.is(parseMbps("--x", "1.5G"), 1500);
  assert.is(parseBoolean("--x", "T"), true);
  assert.is(parseBoolean("--x", "0"), false);
  assert.throws(() => parseCount("--x", "-1"), /whole number/);
  assert.throws(() => parseCount("--x", "1.5"), /whole number/);
  assert.throws(() => parseBoolean("--x", "maybe"), /true or false/);
});

test("bytes for people", () => {
  assert.is(humanBytes(0), "0 B");
  assert.is(humanBytes(4096), "4.0 KiB");
  assert.is(humanBytes(100 * 2 ** 30), "100 GiB");
});

test("versions compare by JuiceFS's rules", () => {
  const ascending = ["1.1.0-A", "1.1.0-beta1", "1.1.0", "1.2.0-A", "1.4.1+jfs", "1.10.0"];
  for (const [index, version] of ascending.entries()) {
    for (const [other, text] of ascending.entries()) {
      assert.is(
        Math.sign(compareVersions(version, text)),
        Math.sign(index - other),
        `${version} ${text}`,
      );
    }
  }
  assert.is(compareVersions("", "1.0.0"), -1);
  assert.is(isVersion("1.4"), false);
});

test("addresses: a path, or sqlite3:// as JuiceFS reads it", () => {
  const here = process.cwd();
  assert.equal(parseMetaAddress("my.db"), {
    path: `${here}/my.db`,
    tablePrefix: "jfs_",
    shown: `sqlite3://${here}/my.db`,
  });
  assert.is(parseMetaAddress("sqlite3:///a/b.db").path, "/a/b.db");
  assert.is(parseMetaAddress("sqlite3://b.db").path, `${here}/b.db`);
  assert.is(parseMetaAddress("sqlite3://file:/a/b%20c.db").path, "/a/b c.db");
  const prefixed = parseMetaAddress(
    "sqlite3:///a/b.db?table_prefix=pre&_journal=WAL&_timeout=9&max_open_conns=3",
  );
  assert.is(prefixed.tablePrefix, "jfs_pre_");
  assert.is(prefixed.shown, "sqlite3:///a/b.db?table_prefix=pre");
  assert.throws(() => parseMetaAddress("redis://localhost/1"), /redis:\/\/ is not supported yet/);
  assert.throws(() => parseMetaAddress("sqlite3://"), /path of a database/);
  assert.throws(() => parseMetaAddress("sqlite3://:memory:"), /path of a database/);
  assert.throws(
    () => parseMetaAddress("sqlite3:///a?_synchronous=OFF"),
    /parameter _synchronous is not supported/,
  );
  assert.throws(() => parseMetaAddress("sqlite3:///a?table_prefix=a;b"), /letters, digits/);
});

test("JSON is Go's: order kept, HTML escaped, big numbers whole", () => {
  const value = {
    B: "<&>\u2028\u00E9",
    A: 18_446_744_073_709_551_615n,
    E: [],
    N: null,
    U: undefined,
    O: { x: [1] },
  };
  assert.is(
    goJson(value, "  "),
    '{\n  "B": "\\u003c\\u0026\\u003e\\u2028\u00E9",\n  "A": 18446744073709551615,\n  "E": [],\n  "N": null,\n' +
      '  "O": {\n    "x": [\n      1\n    ]\n  }\n}',
  );
  assert.is(goJson({ a: { b: 1 } }, ""), '{\n"a": {\n"b": 1\n}\n}');
});

test.run();
