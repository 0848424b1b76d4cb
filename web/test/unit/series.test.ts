import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Point } from '../../src/api/types.ts';
import { extent, join, tabulate } from '../../src/chart/series.ts';

/** at is a point so many seconds after 1970 whose request rate is its time. */
function at(seconds: number): Point {
  return {
    timestamp: new Date(1000 * seconds).toISOString(), cpu_usage: 1, memory_usage: 2, response_time: 3,
    requests_per_second: seconds, error_rate: 4,
  };
}

const all = { from: 0, to: Infinity };

describe('join', () => {
  test('live points go on after the stored ones', () => {
    const s = join([at(100), at(105)], [at(103), at(105), at(106), at(111)], 5, all);
    assert.deepEqual(s.times, [100, 105, 106, 111]);
    assert.deepEqual(s.values.requests_per_second, s.times);
    assert.deepEqual(s.values.error_rate, [4, 4, 4, 4]);
  });

  test('one live point a step, the newest', () => {
    const live = Array.from({ length: 13 }, (_, i) => at(110 + i));
    assert.deepEqual(join([], live, 5, all).times, [114, 119, 122]);
  });

  test('what is not within is left out', () => {
    assert.deepEqual(join([at(10), at(20)], [at(30), at(40)], 10, { from: 20, to: 30 }).times, [20, 30]);
  });

  test('a time without points is a gap', () => {
    const s = join([at(100), at(105), at(130)], [at(300)], 5, all);
    assert.deepEqual(s.times, [100, 105, 117.5, 130, 215, 300]);
    assert.deepEqual(s.values.requests_per_second, [100, 105, null, 130, null, 300]);
  });

  test('a late frame is none', () => {
    assert.deepEqual(join([], [at(100), at(110)], 1, all).times, [100, 110]);
  });

  test('times only rise, whatever comes', () => {
    const times = [5, 3, 3, 9, 1, 200, 7, 201, 400].map(at);
    for (const step of [1, 5, 60]) {
      const s = join(times, [...times].reverse(), step, all);
      assert.deepEqual(s.times, [...new Set(s.times)].sort((a, b) => a - b));
      for (const column of Object.values(s.values)) assert.equal(column.length, s.times.length);
    }
  });
});

describe('extent', () => {
  test('gaps do not count', () => {
    assert.deepEqual(extent([null, 4, 2, null, 6, null]), { min: 2, mean: 4, max: 6, last: 6 });
  });

  test('nothing has none', () => {
    assert.equal(extent([]), null);
    assert.equal(extent([null]), null);
  });
});

describe('tabulate', () => {
  test('newest first, equally many points, no value lost', () => {
    const times = Array.from({ length: 10 }, (_, i) => i);
    const rows = tabulate(times, [times], 4);
    assert.deepEqual(rows.map((r) => [r.start, r.end]), [[7, 9], [4, 6], [1, 3], [0, 0]]);
    assert.deepEqual(rows[0]?.extents, [{ min: 7, mean: 8, max: 9, last: 9 }]);
  });

  test('a span of gaps is no row', () => {
    assert.deepEqual(tabulate([1, 2], [[null, 5]], 2).map((r) => r.start), [2]);
  });

  test('never more rows than asked for', () => {
    for (const n of [0, 1, 23, 24, 25, 180, 1500]) {
      const times = Array.from({ length: n }, (_, i) => i);
      assert.ok(tabulate(times, [times], 24).length <= 24);
    }
  });
});
