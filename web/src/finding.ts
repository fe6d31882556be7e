// A word instead of a box: what the finder proposes is shown in yellow, and drawn only where the reader accepts it.
import * as api from './api'
import type { Plane } from './geometry'
import type { Overlay } from './overlay'
import { button, element, make, say } from './panel'
import type { Viewer } from './viewer'
import type { Work } from './work'

const OUTLINED = ' With a button Box beside it, Accept takes the finder\u2019s own outline, which is not swept.'

export interface Proposal {
  words: string
  name: string
  label: number
  /** None of finders that give none. */
  score: number | null
  plane: Plane
  slice: number
  box_xyxy: number[]
  /** A place in it: the middle of its box may lie beside it. */
  point_xy: [number, number]
  /** What becomes of it: its box is a prompt, or the finder's own outline is better than what would be swept from that. */
  taken: 'box' | 'outline'
  /** The server's number of it. */
  proposal: string
}

export class Finding {
  private proposals: Proposal[] = []
  private work: Work | null = null
  private looking = false

  constructor(
    private readonly viewer: Viewer,
    private readonly overlay: Overlay,
  ) {
    element('find').addEventListener('submit', (event) => {
      event.preventDefault()
      void this.look(element<HTMLInputElement>('find-words').value)
    })
  }

  set(work: Work): void {
    this.work = work
    this.show([])
    void api.get('').then(({ finds, voxels_go_to }) => {
      element('find-names').replaceChildren(...finds.map((name: string) => new Option(name, name)))
      element('find-by').textContent = voxels_go_to ? `To find it, this volume's voxels go to ${voxels_go_to}.` : ''
    }, () => {})
  }

  /** Look for what has these names, divided by semicolons. */
  async look(text: string): Promise<void> {
    const { work } = this
    const words = text.split(';').map((one) => one.trim()).filter(Boolean)
    if (!work || !words.length || this.looking) return
    this.looking = true
    element('found').replaceChildren(make('p', 'Looking…', 'quiet'))
    try {
      const { proposals } = await api.post(`/sessions/${work.opened.id}/find`, { words, plane: work.plane })
      if (work !== this.work) return
      element('find-words').blur()
      say('')
      this.show(proposals)
      this.go(proposals[0])
    } catch (error) {
      this.show([])
      say(error instanceof Error ? error.message : `${error}`, 'bad')
    } finally {
      this.looking = false
    }
  }

  private go({ plane, slice, point_xy: [x, y] }: Proposal): void {
    const { geometry } = this.viewer
    this.viewer.goTo(geometry.toShown(geometry.fromPlane(plane, slice, x, y)))
  }

  private show(proposals: Proposal[]): void {
    this.proposals = this.overlay.proposals = proposals
    const rows = proposals.map((one) => {
      const row = make('div', '', 'proposal')
      const sure = one.score === null ? '' : ` · ${one.score.toFixed(2)}`
      const where = button(`${one.name}${sure}`, `Go to its box, ${one.plane} slice ${one.slice + 1}`, () => this.go(one))
      const whole = one.taken === 'outline'
      const what = whole ? "Take the finder's own outline: it is better than what is swept from this box" : 'Make a prompt of this box'
      row.append(where, button('Accept', what, () => void this.accept(one, !whole)))
      if (whole) row.append(button('Box', 'Make a prompt of this box instead, and sweep from it', () => void this.accept(one, true)))
      row.append(button('×', 'Reject it', () => this.leave(one)))
      return row
    })
    const outlined = proposals.some((one) => one.taken === 'outline') ? OUTLINED : ''
    if (rows.length) rows.push(make('p', `Found by name: look at each box before you accept it.${outlined}`, 'quiet') as any)
    element('found').replaceChildren(...rows)
    this.viewer.draw()
  }

  private leave(gone: Proposal): void {
    this.show(this.proposals.filter((one) => one !== gone))
  }

  private async accept(one: Proposal, box: boolean): Promise<void> {
    const work = this.work!
    const taken = work.state.labels.map(({ value }) => value)
    const label = taken.includes(one.label) ? Math.max(...taken) + 1 : one.label
    this.leave(one)
    this.go(one)
    work.label = label
    const then = box ? 'sweep when its outline is right' : 'the finder drew it: look at its slices'
    if (await work.accept(one.proposal, label, box)) say(`${one.name} is object ${label}; ${then}.`)
  }
}
