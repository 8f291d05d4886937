/** Dates of header fields. */

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** `Tue, 3 Mar 2026 10:04:05 +0100 (CET)`. `time` is ms since the epoch, of a year 0 … 9999; `offsetMinutes` is
 * how far local time is ahead of UTC. The comment is left out when `name` is null or not plain. RFC 5322 §3.3. */
export function formatDate(
  time: number,
  zone: { readonly offsetMinutes: number; readonly name: string | null },
): string {
  const local = new Date(time + zone.offsetMinutes * 60_000);
  const day = `${dayNames[local.getUTCDay()]}, ${local.getUTCDate()}`;
  const month = `${monthNames[local.getUTCMonth()]} ${String(local.getUTCFullYear()).padStart(4, "0")}`;
  const clock = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;
  const ahead = Math.abs(zone.offsetMinutes);
  const offset = `${zone.offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(ahead / 60))}${two(ahead % 60)}`;
  const comment = zone.name !== null && /^[A-Za-z0-9+-]{1,16}$/.test(zone.name) ? ` (${zone.name})` : "";
  return `${day} ${month} ${clock} ${offset}${comment}`;
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}
