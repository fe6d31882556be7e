// A session as the page has it: what is done goes to the server, what looks otherwise comes back.
import * as api from './api'
import type { Opened, State } from './api'
import type { Plane } from './geometry'
import type { Stroke, Tool } from './overlay'
import type { Viewer } from './viewer'
import type { Frame } from './wire'

export interface SliceTrust {
  trust: number
  doubtful: boolean
  prompted: boolean
  empty: boolean
}

export interface Reviewed {
  plane: Plane
  slices: Record<string, SliceTrust>
  ticked: number[]
}

export class Work {
  state: State
  label = 1
  review: Record<string, Reviewed> = {}
  measured: any[] = []
  /** Slices found, of at most so many, while a sweep runs. */
  progress: [number, number] | null = null
  changed: () => void = () => {}
  said: (text: string, kind?: 'bad' | 'good') => void = () => {}
  private order: Promise<unknown> = Promise.resolve()
  private beating: number
  private assessing = 0

  constructor(
    readonly opened: Opened,
    private readonly viewer: Viewer,
  ) {
    this.state = opened
    this.label = opened.labels[0]?.value ?? 1
    this.beating = window.setInterval(() => void this.beat(), 30_000)
  }

  private get path(): string {
    return `/sessions/${this.opened.id}`
  }

  get plane(): Plane {
    return this.opened.volume.plane as Plane
  }

  end(): void {
    clearInterval(this.beating)
    clearTimeout(this.assessing)
  }

  private async beat(): Promise<void> {
    try {
      await api.post(`${this.path}/heartbeat`)
    } catch (error) {
      if (error instanceof api.Refused && error.status === 404) await this.back()
    }
  }

  /** The session had to make room for others: it is opened again, with all that was done. */
  private async back(): Promise<void> {
    this.state = await api.post(`${this.path}/resume`)
    await this.all()
  }

  /** All labels anew, and what is said of them. */
  async all(): Promise<void> {
    for await (const frame of api.frames('GET', `${this.path}/labels`)) this.take(frame)
    this.viewer.setColors(this.state.labels)
    this.changed()
    this.assess(0)
  }

  /** Things are done one after the other, in the order in which they were asked for. */
  private inOrder<T>(doIt: () => Promise<T>): Promise<T | undefined> {
    const done = this.order.then(doIt).catch(async (error) => {
      if (error instanceof api.Refused && error.status === 404) {
        await this.back().catch(() => {})
        this.said('The server had closed this volume; it is open again with all that was done. Do that once more.')
      } else this.said(error instanceof Error ? error.message : `${error}`, 'bad')
      return undefined
    })
    this.order = done
    return done
  }

  act(action: object): Promise<unknown> {
    return this.inOrder(async () => {
      for await (const frame of api.frames('POST', `${this.path}/actions`, { action })) this.take(frame)
      this.viewer.setColors(this.state.labels)
      this.said('')
      this.changed()
      this.assess()
    })
  }

  draw(tool: Tool, stroke: Stroke): Promise<unknown> {
    const { plane, slice, from, to, path } = stroke
    const where = { label: this.label, plane, slice }
    const clip = ({ x, y }: { x: number; y: number }) => {
      const { rows, columns } = this.opened.volume.planes[plane]
      return [Math.max(0, Math.min(columns - 1, x)), Math.max(0, Math.min(rows - 1, y))]
    }
    const [a, b] = [clip(from), clip(to)]
    let prompt: object
    if (tool === 'box') {
      const box = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])].map(Math.round)
      if (box[2] - box[0] < 2 || box[3] - box[1] < 2) {
        this.said('Drag a box around the object, from one corner to the other.')
        return Promise.resolve()
      }
      prompt = { kind: 'box', ...where, box_xyxy: box }
    } else if (tool === 'line') {
      if (Math.hypot(a[0] - b[0], a[1] - b[1]) < 2) {
        this.said('Drag from one end of the longest diameter to the other.')
        return Promise.resolve()
      }
      prompt = { kind: 'line', ...where, line_xyxy: [...a, ...b].map((v) => Math.round(v * 100) / 100) }
    } else if (tool.startsWith('stroke')) {
      const points = path.map(clip).filter(([x, y], n, all) => !n || Math.hypot(x - all[n - 1][0], y - all[n - 1][1]) > 0.01)
      const path_xy = points.flat().map((v) => Math.round(v * 100) / 100)
      prompt = { kind: 'scribble', ...where, path_xy, width: 3, positive: tool === 'stroke+' }
    } else prompt = { kind: 'point', ...where, point_xy: b.map(Math.round), positive: tool === 'point+' }
    return this.act({ action: 'add_prompts', prompts: [prompt] })
  }

  async sweep(): Promise<void> {
    if (this.progress) return
    const prompts = this.state.prompts.filter((prompt) => prompt.label === this.label)
    if (!prompts.length) {
      this.said('Draw a box around the object on one slice first, or click on it.')
      return
    }
    const plane = prompts[prompts.length - 1].plane
    const started = performance.now()
    this.progress = [0, 1]
    this.changed()
    try {
      for await (const frame of api.frames('POST', `${this.path}/sweep`, { labels: [this.label], plane })) {
        const [head] = frame
        if (head.kind === 'end') {
          const seconds = ((performance.now() - started) / 1000).toFixed(1)
          const what = head.outcome === 'finished' ? 'Swept' : head.outcome === 'corrected' ? 'Made way after' : 'Stopped after'
          this.said(`${what} ${head.steps} slices in ${seconds} s.`, 'good')
        } else this.take(frame)
      }
    } catch (error) {
      this.said(error instanceof Error ? error.message : `${error}`, 'bad')
    }
    this.progress = null
    this.viewer.setColors(this.state.labels)
    this.changed()
    this.assess(0)
  }

  async stop(): Promise<void> {
    if (this.progress) await api.post(`${this.path}/cancel`)
  }

  async use(window_: string): Promise<void> {
    await this.inOrder(async () => {
      for await (const frame of api.frames('POST', `${this.path}/use`, { window: window_ })) this.take(frame)
      this.changed()
    })
  }

  private take([head, body]: Frame): void {
    if (head.kind === 'slice') this.viewer.bitmap.slice(head.plane, head.slice, head.box, body)
    else if (head.kind === 'labels') this.viewer.bitmap.all(body)
    else if (head.kind === 'state') this.state = head as unknown as State
    else if (head.kind === 'error') throw new Error(head.message)
    else if (head.kind === 'step') {
      this.progress = [head.done, head.total]
      this.review[head.label] ??= { plane: head.plane, slices: {}, ticked: [] }
      this.review[head.label].slices[head.slice] = head as unknown as SliceTrust
      this.changed()
    }
    if (head.kind === 'slice' || head.kind === 'labels') this.viewer.labels()
  }

  /** Trust and sizes, when nothing has been done for a moment. */
  private assess(after_ms = 250): void {
    clearTimeout(this.assessing)
    this.assessing = window.setTimeout(async () => {
      try {
        const [review, sizes] = await Promise.all([api.get(`${this.path}/review`), api.get(`${this.path}/measurements`)])
        this.review = review
        this.measured = sizes.measurements
        this.changed()
      } catch {
        // said where something is done
      }
    }, after_ms)
  }

  /** The next slice that someone should look at, going round at the end. */
  nextDoubtful(back: boolean): [Plane, number] | null {
    const found = this.review[this.label]
    if (!found) return null
    const waiting = Object.entries(found.slices)
      .filter(([slice, trust]) => trust.doubtful && !found.ticked.includes(+slice))
      .map(([slice]) => +slice)
      .sort((a, b) => a - b)
    if (!waiting.length) return null
    const here = this.viewer.slice(found.plane)
    const next = back ? waiting.reverse().find((z) => z < here) : waiting.find((z) => z > here)
    return [found.plane, next ?? waiting[0]]
  }

  tick(): void {
    const found = this.review[this.label]
    if (!found) return
    const slice = this.viewer.slice(found.plane)
    const ticked = !found.ticked.includes(slice)
    void this.act({ action: 'tick', label: this.label, plane: found.plane, slice, ticked })
  }

  extent(end: 'first' | 'last'): void {
    const plane = this.plane
    const known = this.state.extents.find((one) => one.label === this.label && one.plane === plane)
    const slice = this.viewer.slice(plane)
    const told = { first: known?.first ?? null, last: known?.last ?? null }
    told[end] = told[end] === slice ? null : slice
    void this.act({ action: 'set_extent', extent: { label: this.label, plane, ...told } })
  }

  newObject(): void {
    this.label = Math.max(0, this.label, ...this.state.labels.map((label) => label.value)) + 1
    this.changed()
  }

  async save(name: string, toFolder: boolean, overwrite: boolean): Promise<any> {
    const told = await api.post(`${this.path}/exports`, { name, to_folder: toFolder, overwrite })
    if (!toFolder) {
      for (const file of told.files) {
        const link = document.createElement('a')
        link.href = URL.createObjectURL(await api.blob(`${this.path}/exports/${encodeURIComponent(file)}`))
        link.download = file
        link.click()
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
      }
    }
    return told
  }
}
