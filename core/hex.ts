/** Bytes as text. */

/** Two hexadecimal digits a byte. (Not every runtime's arrays can do this yet.) */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
