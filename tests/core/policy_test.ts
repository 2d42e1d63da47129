import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { extendPolicy, retryDelay, timerDelay } from "../../core/policy.ts";

describe("A policy", () => {
  it("has defaults, and keeps what was set before", () => {
    const first = extendPolicy(undefined, { maxRetries: 2 });
    assert.deepEqual([first.maxRetries, first.retryDelayMs, first.timeoutMs], [2, 100, Infinity]);
    const second = extendPolicy(first, { timeoutMs: 5, resources: { _model: 0.5 } });
    assert.deepEqual([second.maxRetries, second.timeoutMs], [2, 5]);
    assert.deepEqual(second.remoteArgs, {
      maxRetries: 2,
      timeoutMs: 5,
      resources: { _model: 0.5 },
    });
  });

  it("waits twice as long before each retry, less at most a half, and never over a minute", () => {
    fc.assert(fc.property(fc.nat({ max: 10_000 }), fc.nat({ max: 50 }), (retryDelayMs, retry) => {
      const delay = retryDelay(extendPolicy(undefined, { retryDelayMs }), retry);
      const full = Math.min(retryDelayMs * 2 ** retry, 60_000);
      assert.ok(delay <= full && delay >= full / 2);
    }));
  });

  it("sets no timer that a runtime would let fire at once", () => {
    assert.equal(timerDelay(Infinity), undefined);
    assert.equal(timerDelay(2 ** 31), undefined);
    assert.equal(timerDelay(1_000), 1_000);
  });
});
