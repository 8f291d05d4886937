/** A channel whose other side is not trusted to send what its type says. */

import type { Channel } from "../port.ts";

/** Hands on what `parse` makes of each message. The first that it makes nothing of ends the channel: `broken` is
 * called, the other side is cut off, and nothing more of it is heard. */
export function checkedChannel<Out, In>(
  channel: Channel<Out, unknown>,
  parse: (value: unknown) => In | null,
  broken: () => void,
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
        const message = parse(value);
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
