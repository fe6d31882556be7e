// The panel beside the image and the strip below it.
import type { Label } from './api'
import { SHOWN_AXIS } from './geometry'
import { TOOLS, type Tool } from './overlay'
import type { Work } from './work'
import { LAYOUTS, type Layout, type Viewer } from './viewer'

const NAMES: Record<Tool, [string, string, string]> = {
  look: ['Look', 'V', 'Click to go to a place; the wheel turns slices.'],
  box: ['Box', 'B', 'Drag a box around the object on one slice.'],
  'point+': ['+', 'P', 'Click on a place that belongs to the object.'],
  'point-': ['−', 'M', 'Click on a place that does not belong to it.'],
  line: ['Line', 'D', 'Drag the longest diameter, end to end (RECIST).'],
  'stroke+': ['✎+', 'C', 'Drag a stroke over what belongs to the object.'],
  'stroke-': ['✎−', 'Shift+C', 'Drag a stroke over what does not belong to it.'],
}

export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T
}

function button(text: string, title: string, pressed: boolean, press: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.textContent = text
  made.title = title
  made.setAttribute('aria-pressed', `${pressed}`)
  made.addEventListener('click', press)
  return made
}

export function say(text: string, kind: 'bad' | 'good' | '' = ''): void {
  const line = element('message')
  line.textContent = text
  line.className = kind
}

export class Panel {
  tool: Tool = 'box'
  layout: Layout = 'all'
  private work: Work | null = null

  constructor(private readonly viewer: Viewer) {
    this.showTools()
    this.showLayouts()
  }

  set(work: Work): void {
    this.work = work
    this.layout = 'all'
    this.showLayouts()
    const volume = work.opened.volume
    element('title').textContent = `${work.opened.title} · ${volume.modality} ${[...volume.shape_zyx].reverse().join(' × ')}`
    const windows = element<HTMLSelectElement>('window')
    const [center, width] = work.opened.window
    const own = `as opened (${round(width)}/${round(center)})`
    const choices: [string, string][] = [[`${width}/${center}`, own]]
    for (const [name, level, wide] of volume.windows) choices.push([name, `${name} (${wide}/${level})`])
    choices.push(['percentile', 'by its values'])
    windows.replaceChildren(...choices.map(([value, text]) => new Option(text, value)))
  }

  show(): void {
    const work = this.work
    if (!work) return
    this.showObjects(work)
    const { state } = work
    element<HTMLButtonElement>('undo').disabled = !state.can_undo
    element<HTMLButtonElement>('redo').disabled = !state.can_redo
    const sweep = element<HTMLButtonElement>('sweep')
    const bar = element<HTMLProgressElement>('progress')
    sweep.textContent = work.progress ? 'Stop' : 'Sweep'
    sweep.disabled = !work.progress && !state.prompts.some((prompt) => prompt.label === work.label)
    bar.hidden = !work.progress
    if (work.progress) [bar.value, bar.max] = work.progress
    element<HTMLButtonElement>('save').disabled = !state.labels.length
    this.showMeasured(work)
    this.showStrip()
  }

  setTool(tool: Tool): void {
    this.tool = tool
    this.showTools()
  }

  setLayout(layout: Layout): void {
    this.layout = layout
    this.viewer.setLayout(layout)
    this.showLayouts()
  }

  private showTools(): void {
    element('tools').replaceChildren(
      ...TOOLS.map((tool) => {
        const [text, key, what] = NAMES[tool]
        return button(text, `${what} (${key})`, tool === this.tool, () => this.setTool(tool))
      }),
    )
    element('hint').textContent = NAMES[this.tool][2]
  }

  private showLayouts(): void {
    element('layouts').replaceChildren(
      ...LAYOUTS.map((layout) =>
        button(layout === 'all' ? 'All' : layout[0].toUpperCase() + layout.slice(1), `Show ${layout} (O)`, layout === this.layout, () =>
          this.setLayout(layout),
        ),
      ),
    )
  }

  private showObjects(work: Work): void {
    const box = element('objects')
    if (box.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement) return
    const known = [...work.state.labels]
    if (!known.some((label) => label.value === work.label)) {
      known.push({ value: work.label, name: 'new object: draw it', color: '#5d6675', locked: false, swept: false })
    }
    box.replaceChildren(...known.map((label) => this.object(work, label)))
  }

  private object(work: Work, label: Label): HTMLElement {
    const row = document.createElement('div')
    row.className = `object${label.value === work.label ? ' now' : ''}`
    row.dataset.label = `${label.value}`
    const there = work.state.labels.includes(label)
    const color = Object.assign(document.createElement('input'), { type: 'color', value: label.color, disabled: !there })
    color.title = 'Colour'
    color.addEventListener('change', () => void work.act({ action: 'edit_label', label: label.value, color: color.value }))
    const name = Object.assign(document.createElement('input'), { type: 'text', value: label.name, disabled: !there })
    name.title = 'Name'
    name.addEventListener('change', () => {
      name.blur()
      void work.act({ action: 'edit_label', label: label.value, name: name.value })
    })
    name.addEventListener('keydown', (event) => event.key === 'Enter' && name.blur())
    const lock = button(label.locked ? 'Locked' : 'Lock', 'Nothing changes it while it is locked (K)', label.locked, () =>
      work.act({ action: 'edit_label', label: label.value, locked: !label.locked }),
    )
    const remove = button('×', 'Delete this object', false, () => work.act({ action: 'delete_label', label: label.value }))
    remove.removeAttribute('aria-pressed')
    lock.hidden = remove.hidden = !there
    row.addEventListener('pointerdown', () => {
      work.label = label.value
      for (const other of row.parentElement?.children ?? []) other.classList.toggle('now', other === row)
      this.showStrip()
      work.changed()
    })
    row.append(color, name, lock, remove)
    return row
  }

  private showMeasured(work: Work): void {
    element('measured').replaceChildren(
      ...work.measured.map((one) => {
        const line = document.createElement('div')
        const { long_mm: long, short_mm: short } = one.diameters
        line.textContent = `${one.name}: ${one.volume_ml.toFixed(2)} mL, ${long.toFixed(1)} × ${short.toFixed(1)} mm`
        return line
      }),
    )
  }

  showStrip(): void {
    const work = this.work
    if (!work) return
    const found = work.review[work.label]
    const plane = found?.plane ?? work.plane
    const here = this.viewer.slice(plane)
    const cells: HTMLElement[] = []
    for (let z = 0; z < this.viewer.geometry.slices(plane); z++) {
      const cell = document.createElement('i')
      const trust = found?.slices[z]
      const kind = !trust || (trust.empty && !trust.doubtful && !trust.prompted) ? '' : trust.prompted ? 'prompted' : trust.doubtful ? 'doubtful' : 'sure'
      cell.className = `${kind}${found?.ticked.includes(z) ? ' ticked' : ''}${z === here ? ' here' : ''}`
      cell.dataset.slice = `${z}`
      cells.push(cell)
    }
    const strip = element('strip')
    strip.replaceChildren(...cells)
    strip.dataset.plane = plane
    const trust = found?.slices[here]
    const waiting = found
      ? Object.entries(found.slices).filter(([z, one]) => one.doubtful && !found.ticked.includes(+z)).length
      : 0
    const what = !trust ? '' : trust.prompted ? 'drawn by you' : trust.empty ? 'nothing found' : `expected overlap ${trust.trust.toFixed(2)}`
    element('trust').textContent = [what, found ? `${waiting} to check` : ''].filter(Boolean).join(' · ')
    element<HTMLButtonElement>('doubt').disabled = !waiting
    element<HTMLButtonElement>('tick').disabled = !trust
  }

  /** Where the crosshair is, in words. */
  showPlace(): void {
    const { viewer } = this
    if (!viewer.geometry) return
    const value = viewer.nv.volumes[0]?.getValue(...(viewer.geometry.toShown(viewer.zyx) as [number, number, number]))
    const unit = this.work?.opened.volume.modality === 'CT' ? ' HU' : ''
    element('corner').textContent = value === undefined || Number.isNaN(value) ? '' : `value ${round(value)}${unit}`
    void SHOWN_AXIS
  }
}

function round(value: number): string {
  return `${Math.round(value * 100) / 100}`
}
