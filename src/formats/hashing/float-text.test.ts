import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toCanonicalFloat } from './float-text.ts';

it('names every 64-bit value exactly, in one shape', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = toCanonicalFloat(Object.is(value, -0) ? '-0' : String(value), 64);
      expect(Number(text)).toBe(value);
      expect(text).toMatch(/^-?\d\.\d{16}e[+-]\d{2,3}$/);
    }),
  );
});

it('widens a 32-bit value', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = Object.is(value, -0) ? '-0' : String(value);
      expect(toCanonicalFloat(text, 32)).toBe(toCanonicalFloat(text, 64));
    }),
  );
});

// Halves between two 17-digit neighbours: the quarters between 2^50 and 2^51.
it('rounds a tie to the even digit', () => {
  expect(toCanonicalFloat('1125899906842624.25', 64)).toBe('1.1258999068426242e+15');
  expect(toCanonicalFloat('1125899906842624.75', 64)).toBe('1.1258999068426248e+15');
  expect(toCanonicalFloat('-1125899906842625.25', 64)).toBe('-1.1258999068426252e+15');
});

// Doubles end in 5 and zeros somewhere: only behind the 17th digit does it make a tie.
it('does not take a long expansion for a tie', () => {
  expect(toCanonicalFloat('48112640.33614969', 64)).toBe('4.8112640336149693e+07');
  expect(toCanonicalFloat('-0.000019456700854127885', 64)).toBe('-1.9456700854127885e-05');
});
