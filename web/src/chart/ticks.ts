// The words on a time axis.
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const minute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const second = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** tick is the label of a time (seconds since 1970) on an axis with a label each step seconds. */
export function tick(at: number, step: number): string {
  const time = new Date(1000 * at);
  if (step >= 86_400) return day.format(time);
  if (step < 60) return second.format(time);
  const midnight = time.getHours() === 0 && time.getMinutes() === 0;
  return midnight ? day.format(time) : minute.format(time);
}
