// A session as the page has it: what is done goes to the server, what looks otherwise comes back.
import * as api from './api'
import type { Opened, State } from './api'
import type { Painting } from './brush'
import type { Plane } from './geometry'
import type { Tool } from './keys'
import { type Stroke, actionOf } from './prompts'
import type { Viewer } from './viewer'
import type { Frame } from './wire'

export interface SliceTrust {
  trust: number
  doubtful: boolean
  prompted: boolean
  /** Whether a finder drew it: no reader and no sweep did. */
  from_finder: boolean
  empty: boolean
}

const FINDERS = 'The finder drew this object, and it is complete: click where a slice is wrong.'

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
  /** Something was done in another window: what is shown is not all. */
  private missed = false
  private elsewhere = false
  private starting = false

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
      await this.upToDate()
    } catch (error) {
      if (error instanceof api.Refused && error.status === 404) await this.back()
    }
  }

  /** What was done in another window is shown here, too; whether there was anything. */
  upToDate(): Promise<boolean | undefined> {
    return this.inOrder(() => this.catchUp(), false)
  }

  private async catchUp(): Promise<boolean> {
    const told = await api.post(`${this.path}/heartbeat`)
    if (this.progress) return false
    const behind = told.actions !== this.state.actions || told.sweeping || this.elsewhere
    this.elsewhere = told.sweeping
    if (behind) await this.anew()
    return behind
  }

  private async anew(): Promise<void> {
    this.state = await api.get(this.path)
    await this.all()
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
  private inOrder<T>(doIt: () => Promise<T>, tell = true): Promise<T | undefined> {
    const done = this.order.then(doIt).catch(async (error) => {
      if (!tell) throw error
      if (error instanceof api.Refused && error.status === 404) {
        await this.back().catch(() => {})
        this.said('The server had closed this volume; it is open again with all that was done. Do that once more.')
      } else this.said(error instanceof Error ? error.message : `${error}`, 'bad')
      return undefined
    })
    this.order = done.catch(() => {})
    return done
  }

  /** Do something; whether it was done. */
  act(action: object | Promise<object>, refused: () => void = () => {}): Promise<true | undefined> {
    return this.done(async () => api.frames('POST', `${this.path}/actions`, { action: await action }), refused)
  }

  /** What a finder proposes becomes an object; whether it was done. */
  accept(proposal: string, label: number, box: boolean): Promise<true | undefined> {
    return this.done(async () => api.frames('POST', `${this.path}/accept`, { proposal, label, box }))
  }

  private done(ask: () => Promise<AsyncGenerator<Frame>>, refused: () => void = () => {}): Promise<true | undefined> {
    return this.inOrder(async (): Promise<true> => {
      try {
        for await (const frame of await ask()) this.take(frame)
      } catch (error) {
        refused()
        throw error
      }
      if (this.missed) await this.anew()
      this.missed = false
      this.viewer.setColors(this.state.labels)
      this.said('')
      this.changed()
      this.assess()
      return true
    })
  }

  /** What was drawn on a slice; `main` is the plane that is drawn on, the others stand beside it. */
  draw(tool: Tool, stroke: Stroke, main: Plane): Promise<unknown> {
    const action = actionOf(tool, stroke, this.label, main, this.opened.volume)
    if (typeof action === 'string') {
      this.said(action)
      return Promise.resolve()
    }
    return this.act(action).then((done) => done && 'extent' in action && this.tellExtent(main))
  }

  /** A mask that was painted; what was painted goes where it is refused. */
  paint(painting: Painting): Promise<unknown> {
    return this.act(
      painting.prompt().then((prompt) => ({ action: 'add_prompts', prompts: [prompt] })),
      () => {
        painting.forget()
        this.viewer.labels()
        void this.all().catch(() => {}) // a sweep may have drawn there meanwhile
      },
    )
  }

  private tellExtent(plane: Plane): void {
    const known = this.state.extents.find((one) => one.label === this.label && one.plane === plane)
    const end = (at: number | null | undefined) => (at == null ? '' : at + 1)
    if (known) this.said(`${plane} slices ${end(known.first)} to ${end(known.last)}.`)
  }

  async sweep(): Promise<void> {
    if (this.progress || this.starting) return
    this.starting = true
    await this.upToDate().catch(() => {})
    this.starting = false
    const prompts = this.state.prompts.filter((prompt) => prompt.label === this.label)
    if (!prompts.length) {
      const drawn = Object.values(this.review[this.label]?.slices ?? {}).some((one) => one.from_finder)
      this.said(drawn ? FINDERS : 'Draw a box around the object on one slice first, or click on it.')
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
    else if (head.kind === 'slice_beneath') this.viewer.bitmap.slice(head.plane, head.slice, head.box, body, true)
    else if (head.kind === 'labels') this.viewer.bitmap.all(body)
    else if (head.kind === 'labels_beneath') this.viewer.bitmap.all(body, true)
    else if (head.kind === 'state') {
      this.missed ||= !this.progress && head.after !== undefined && head.after !== this.state.actions
      this.state = head as unknown as State
    }
    else if (head.kind === 'error') throw new Error(head.message)
    else if (head.kind === 'step') {
      this.progress = [head.done, head.total]
      this.review[head.label] ??= { plane: head.plane, slices: {}, ticked: [] }
      this.review[head.label].slices[head.slice] = head as unknown as SliceTrust
      this.changed()
    }
    if (/^(slice|labels)/.test(head.kind)) this.viewer.labels()
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
    void this.act({ action: 'set_extent', extent: { label: this.label, plane, ...told } }).then((done) => done && this.tellExtent(plane))
  }

  /** What the object shows on this slice it shows on the next one (1), or the one before (-1), too. */
  copySlice(by: number): void {
    const { plane } = this
    const slice = this.viewer.slice(plane)
    const to = slice + by
    if (to < 0 || to >= this.viewer.geometry.slices(plane)) {
      this.said('There is no slice beyond this one.')
      return
    }
    void this.act({ action: 'operate', label: this.label, operation: { kind: 'copy_slice', plane, slice, to } })
    this.viewer.go(plane, to)
  }

  /** Delete an object; whoever worked on it works on the one before. */
  async remove(value: number): Promise<void> {
    const done = await this.act({ action: 'delete_label', label: value })
    if (!done || this.label !== value) return
    const left = this.state.labels.map((label) => label.value)
    this.label = [...left].reverse().find((one) => one < value) ?? left[0] ?? value
    this.changed()
  }

  newObject(): void {
    this.label = Math.max(0, this.label, ...this.state.labels.map((label) => label.value)) + 1
    this.changed()
  }

  async save(name: string, toFolder: boolean, overwrite: boolean): Promise<any> {
    if (await this.upToDate()) throw new Error('Something was done in another window, and is shown here now: look at it, then save.')
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
