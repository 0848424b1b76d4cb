import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytes, count, duration, percent, rate, score, sentence, span, text, words } from '../../src/format.ts';

/** plain writes a no-break space as one that can be read here. */
const plain = (s: string) => s.replaceAll('\u00a0', ' ');

function table<A>(name: string, show: (a: A) => string, cases: [A, string][]) {
  describe(name, () => {
    for (const [input, want] of cases) test(`${input}`, () => assert.equal(plain(show(input)), want));
  });
}

table('count', count, [
  [0, '0'], [999, '999'], [9_999, '9,999'], [10_000, '10.0 k'], [48_213, '48.2 k'], [123_456, '123 k'],
  [2_500_000, '2.5 M'], [7e9, '7.0 G'], [-12_000, '-12.0 k'],
]);

table('rate', rate, [[0, '0'], [0.004, '<0.01'], [0.5, '0.50'], [3.14159, '3.1'], [148.4, '148'], [7_654, '7,654'], [20_000, '20.0 k']]);

table('percent', (p: number) => text(percent(p)), [
  [0, '0 %'], [0.004, '<0.01 %'], [0.35, '0.35 %'], [6.24, '6.2 %'], [71.3, '71.3 %'], [60, '60 %'], [100, '100 %'],
  [99.96, '99.9 %'], // 100 % only when it is
  [240, '240 %'],
]);

table('duration', (ms: number) => text(duration(ms)), [
  [0, '0 ms'], [0.0021, '<0.01 ms'], [0.42, '0.42 ms'], [4.2, '4.2 ms'], [214, '214 ms'], [999, '999 ms'], [1_240, '1.24 s'],
  [12_400, '12.4 s'], [90_000, '1.5 min'], [7_200_000, '2.0 h'],
]);

table('bytes', (n: number) => text(bytes(n)), [
  [0, '0 B'], [1023, '1,023 B'], [1024, '1.0 KiB'], [19_293_798, '18 MiB'], [3 * 2 ** 30, '3.0 GiB'], [2 ** 50, '1,024 TiB'],
]);

table('span', span, [[0.2, '0 s'], [42, '42 s'], [300, '5 min'], [7_200, '2 h'], [604_800, '7 d'], [-3, '0 s']]);

table('words', words, [['load_balancer', 'Load balancer'], ['cpu_usage', 'CPU usage'], ['api', 'API'], ['adaptive', 'Adaptive'], ['', '']]);

table('sentence', sentence, [['the login is over', 'The login is over'], ['6 % of 12 failed', '6 % of 12 failed'], ['', '']]);

table('score', (n: number) => `${score(n)}`, [[0, '0'], [41.6, '42'], [99.5, '99'], [99.99, '99'], [100, '100']]);
