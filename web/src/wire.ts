// Frames of the server's answers; volsweep/remote/wire.py says what they are.

export interface Head {
  kind: string
  [name: string]: any
}

export type Frame = [Head, Uint8Array]

/** Frames out of bytes however they were cut. */
export class Unpacker {
  private waiting: Uint8Array = new Uint8Array(0);

  *feed(chunk: Uint8Array): Generator<Frame> {
    const all = new Uint8Array(this.waiting.length + chunk.length)
    all.set(this.waiting)
    all.set(chunk, this.waiting.length)
    let at = 0
    while (all.length - at >= 8) {
      const sizes = new DataView(all.buffer, at, 8)
      const head = sizes.getUint32(0, true)
      const body = sizes.getUint32(4, true)
      if (all.length - at < 8 + head + body) break
      const text = new TextDecoder().decode(all.subarray(at + 8, at + 8 + head))
      yield [JSON.parse(text) as Head, all.slice(at + 8 + head, at + 8 + head + body)]
      at += 8 + head + body
    }
    this.waiting = all.slice(at)
  }

  get done(): boolean {
    return this.waiting.length === 0
  }
}

/** Calls back with each run of labels: where it begins, how long it is, its value. */
export function eachRun(runs: Uint8Array, tell: (start: number, length: number, value: number) => void): void {
  const count = runs.length / 6
  const view = new DataView(runs.buffer, runs.byteOffset, runs.byteLength)
  let start = 0
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(4 * i, true)
    const value = view.getUint16(4 * count + 2 * i, true)
    if (value) tell(start, length, value)
    start += length
  }
}
