/** A channel whose other side is not trusted to send what its type says. */

import type { Channel } from "../port.ts";

/** What an smtp-in may leave unread of lookup's answers, octets. An answer takes some hundred. */
export const answersUnreadMax = 16 * 1024 * 1024;

/** Hands on what `parse` makes of each message. The first that it makes nothing of ends the channel: `broken` is
 * called, the other side is cut off, and nothing more of it is heard. So does one that comes while more than
 * `unreadMax` octets for the other side wait: it asks and does not read. */
export function checkedChannel<Out, In>(
  channel: Channel<Out, unknown>,
  parse: (value: unknown) => In | null,
  broken: () => void,
  unreadMax: number = Infinity,
): Channel<Out, In> {
  let isBroken = false;
  return {
    send: (message, body) => body === undefined ? channel.send(message) : channel.send(message, body),
    get buffered() {
      return channel.buffered;
    },
    onMessage(take) {
      channel.onMessage((value, body) => {
        if (isBroken) return;
        const message = channel.buffered > unreadMax ? null : parse(value);
        if (message !== null) return take(message, body);
        isBroken = true;
        broken();
        channel.close();
      });
    },
    onDrain: (run) => channel.onDrain(run),
    onClose: (run) => channel.onClose(run),
    close: () => channel.close(),
  };
}
