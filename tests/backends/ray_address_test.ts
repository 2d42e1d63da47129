import { isFuseError } from "functionfuse";
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { inspect } from "node:util";
import { findAddress, findHeaders, findToken } from "../../ray/address.ts";

const SECRET = "hunter2-hunter2";

describe("The address of a Ray cluster", () => {
  const same = {
    "http://127.0.0.1:8265": "http://127.0.0.1:8265",
    "http://ray.example": "http://ray.example",
    "https://ray.example:443/": "https://ray.example",
    "https://ray.example/team/ray/": "https://ray.example/team/ray",
    "HTTP://Ray.Example:9000": "http://ray.example:9000",
    "http://[::1]:8265": "http://[::1]:8265",
    "ray.example:9000": "http://ray.example:9000",
    "ray.example:80": "http://ray.example",
    "ray.example": "http://ray.example:8265",
    "10.0.0.7:6379": "http://10.0.0.7:8265",
    "[::1]:6379": "http://[::1]:8265",
    "ray://head:10001": "http://head:8265",
    "ray://head": "http://head:8265",
    "ray://head:9999": "http://head:9999",
    " auto ": "http://127.0.0.1:8265",
    "": "http://127.0.0.1:8265",
  };
  for (const [given, found] of Object.entries(same)) {
    it(`is ${found} for ${JSON.stringify(given)}`, () => {
      assert.equal(findAddress(given, {}), found);
    });
  }

  it("is looked for in the option, then where Ray's job client looks, then where Ray does", () => {
    const env = { RAY_API_SERVER_ADDRESS: "http://b:1", RAY_ADDRESS: "c:6379" };
    assert.equal(findAddress("a:1", env), "http://a:1");
    assert.equal(findAddress(undefined, env), "http://b:1");
    assert.equal(findAddress("auto", { RAY_ADDRESS: "c:6379" }), "http://c:8265");
    assert.equal(findAddress(undefined, {}), "http://127.0.0.1:8265");
  });

  const wrong = [
    "ftp://host:1",
    "anyscale://cluster",
    "http://",
    "ray://",
    "host:port",
    "host:99999",
    "two words",
    "http://host:8265/?a=1",
    "http://host:8265/#/jobs",
    "host/path",
    "ray://host/path",
  ];
  for (const given of wrong) {
    it(`can't be ${given}`, () => {
      assert.throws(() => findAddress(given, {}), (error: Error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, /address of a Ray cluster must be like .*8265/);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
    });
  }

  it("says which variable is wrong", () => {
    assert.throws(
      () => findAddress(undefined, { RAY_ADDRESS: "local" + "://x" }),
      /The RAY_ADDRESS of/,
    );
  });

  it("holds no password, and shows none", () => {
    for (const given of [`http://me:${SECRET}@host:8265`, `ftp://me:${SECRET}@host`]) {
      assert.throws(() => findAddress(given, {}), (error: Error) => {
        assert.ok(error instanceof TypeError);
        return !inspect(error).includes(SECRET);
      });
    }
  });

  it("is text", () => {
    assert.throws(() => findAddress(8265 as never, {}), TypeError);
  });
});

describe("The token of a Ray cluster", () => {
  const home = mkdtempSync(join(tmpdir(), "functionfuse-token-"));
  after(() => rmSync(home, { recursive: true }));
  mkdirSync(join(home, ".ray"));
  const usual = join(home, ".ray/auth_token");
  const named = join(home, "named");
  writeFileSync(usual, "usual\n");
  writeFileSync(named, "  named\n");

  const places = { HOME: home, RAY_AUTH_TOKEN_PATH: named, RAY_AUTH_TOKEN: " text " };

  it("is the option, or in the variable, in the file that a variable names, or in the usual file", () => {
    const { RAY_AUTH_TOKEN: _text, ...files } = places;
    assert.equal(findToken("own", places)?.token, "own");
    assert.equal(findToken(undefined, places)?.token, "text");
    assert.deepEqual(findToken(undefined, files), {
      token: "named",
      source: "the file of RAY_AUTH_TOKEN_PATH",
    });
    assert.deepEqual(findToken(undefined, { HOME: home }), { token: "usual", source: usual });
    assert.equal(findToken(undefined, { HOME: join(home, "nobody") }), undefined);
  });

  it("is only what was given itself where tokens are turned off", () => {
    const env = { ...places, RAY_AUTH_MODE: "disabled" };
    assert.equal(findToken(undefined, env), undefined);
    assert.equal(findToken("own", env)?.token, "own");
  });

  it("must be somewhere where it is said to be, or wanted", () => {
    const nobody = { HOME: join(home, "nobody") };
    const missing = join(home, "missing");
    for (
      const [env, message] of [
        [{ ...nobody, RAY_AUTH_MODE: "token" }, /there is no token: set `token`, RAY_AUTH_TOKEN/],
        [
          { ...nobody, RAY_AUTH_TOKEN_PATH: missing },
          /RAY_AUTH_TOKEN_PATH names a file that isn't/,
        ],
        [{ ...nobody, RAY_AUTH_TOKEN_PATH: home }, /can't be read: EISDIR/],
      ] as const
    ) {
      assert.throws(() => findToken(undefined, env), (error: Error) => {
        assert.ok(isFuseError(error, "EngineError"), inspect(error));
        assert.match(error.message, message);
        return true;
      });
    }
  });

  it("is refused, but not shown, if a header can't hold it", () => {
    for (const token of [`${SECRET}\nx`, `${SECRET} x`, `${SECRET}é`, "", 5 as never]) {
      assert.throws(() => findToken(token, {}), (error: Error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, /option `token`/);
        return !inspect(error).includes(SECRET);
      });
    }
    assert.throws(() => findToken(undefined, { RAY_AUTH_TOKEN: "a b" }), /RAY_AUTH_TOKEN says/);
  });
});

describe("Further headers for a Ray cluster", () => {
  it("are the option, or the JSON of a variable", () => {
    const env = { RAY_JOB_HEADERS: '{"X-Team": "a"}' };
    assert.deepEqual(findHeaders(undefined, env), { "x-team": "a" });
    assert.deepEqual(findHeaders({ "X-Other": "b" }, env), { "x-other": "b" });
    assert.deepEqual(findHeaders(undefined, {}), {});
  });

  it("are refused, but not shown, if they are none", () => {
    for (
      const text of [
        `{"a": "${SECRET}`,
        `{"a": "${SECRET}\\nb"}`,
        `{"${SECRET}": 1}`,
        `"${SECRET}"`,
      ]
    ) {
      assert.throws(() => findHeaders(undefined, { RAY_JOB_HEADERS: text }), (error: Error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, /RAY_JOB_HEADERS/);
        return !inspect(error).includes(SECRET);
      });
    }
  });
});
