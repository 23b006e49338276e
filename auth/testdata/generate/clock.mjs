// A fixed clock: after this module is imported, every request for the time returns the same time.
export const now = Date.parse("2026-01-15T00:00:00Z");
export const seconds = now / 1000;

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [now] : args));
  }
  static now() {
    return now;
  }
};
