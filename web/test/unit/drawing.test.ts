import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tick } from '../../src/chart/ticks.ts';
import { sparkPath } from '../../src/ui/spark.tsx';
import { toneOf } from '../../src/ui/tone.tsx';

describe('sparkPath', () => {
  test('from left to right, the greatest on top', () => {
    assert.equal(sparkPath([0, 5, 10]), 'M0.00 31.00L50.00 16.00L100.00 1.00');
  });
  test('a gap lifts the pen', () => {
    assert.equal(sparkPath([10, null, 10, 10]), 'M0.00 1.00M66.67 1.00L100.00 1.00');
  });
  test('a ceiling keeps small values small', () => {
    assert.equal(sparkPath([50, 50], 100), 'M0.00 16.00L100.00 16.00');
  });
  test('nothing and zeros are finite', () => {
    assert.equal(sparkPath([]), '');
    assert.equal(sparkPath([0]), 'M0.00 31.00');
  });
});

describe('tick', () => {
  const noon = new Date(2026, 10, 25, 12, 5, 9).getTime() / 1000;
  const midnight = new Date(2026, 10, 25).getTime() / 1000;
  test('seconds only where labels are that close', () => {
    assert.equal(tick(noon, 30), '12:05:09');
    assert.equal(tick(noon, 300), '12:05');
  });
  test('the day at midnight and beyond', () => {
    assert.equal(tick(midnight, 3_600), '25 Nov');
    assert.equal(tick(noon, 86_400), '25 Nov');
  });
});

test('a state nobody knows is neither good nor bad', () => {
  assert.equal(toneOf('healthy'), 'good');
  assert.equal(toneOf('something new'), 'off');
});
