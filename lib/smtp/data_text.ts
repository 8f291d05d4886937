/** A whole message as it follows DATA. client_dot.ts does the same piece by piece. */

/** Content with its leading dots doubled, and what ends the data: CRLF.CRLF, its first line end being the content's own
 * where it has one. `content` is latin1, one character per octet, with CRLF line ends. RFC 5321 §4.5.2. */
export function dataText(content: string): string {
  const stuffed = `${content.startsWith(".") ? "." : ""}${content.replaceAll("\r\n.", "\r\n..")}`;
  const isLine = content === "" || content.endsWith("\r\n");
  return `${stuffed}${isLine ? "" : content.endsWith("\r") ? "\n" : "\r\n"}.\r\n`;
}
