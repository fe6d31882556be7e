// The panel beside the image and the strip below it.
import type { Label } from './api'
import { TOOLS, TOOL_KEYS, type Tool } from './keys'
import { inWords, relate } from './relations'
import type { SliceTrust, Work } from './work'
import { LAYOUTS, type Layout, type Viewer } from './viewer'

const NAMES: Record<Tool, [string, string]> = {
  look: ['Look', 'Click to go to a place; the wheel turns slices.'],
  box: ['Box', 'Drag a box around the object on one slice. In a plane beside it, a box says where it begins and ends.'],
  'point+': ['+', 'Click on a place that belongs to the object.'],
  'point-': ['−', 'Click on a place that does not belong to it.'],
  line: ['Line', 'Drag the longest diameter, end to end (RECIST).'],
  recist: ['Axes', 'Drag the longest diameter, then the longest one across it (RECIST).'],
  'scribble+': ['✎+', 'Drag a stroke over what belongs to the object.'],
  'scribble-': ['✎−', 'Drag a stroke over what does not belong to it.'],
  brush: ['Brush', 'Paint what belongs to the object, to the voxel.'],
  eraser: ['Eraser', 'Take away what does not belong to it, to the voxel.'],
  lasso: ['Lasso', 'Draw around what belongs to the object; with Alt, around what does not.'],
}

export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T
}

export function make<K extends keyof HTMLElementTagNameMap>(name: K, text = '', className = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  made.textContent = text
  made.className = className
  return made
}

export function button(text: string, title: string, press: () => void): HTMLButtonElement {
  const made = make('button', text)
  made.type = 'button'
  made.title = title
  made.addEventListener('click', press)
  return made
}

/** A button that stays down. */
function toggle(text: string, title: string, pressed: boolean, press: () => void): HTMLButtonElement {
  const made = button(text, title, press)
  made.setAttribute('aria-pressed', `${pressed}`)
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
  toolChosen: () => void = () => {}
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
        const [text, what] = NAMES[tool]
        return toggle(text, `${what} (${TOOL_KEYS[tool].replace('-', '+')})`, tool === this.tool, () => this.setTool(tool))
      }),
    )
    element('hint').textContent = NAMES[this.tool][1]
    element('brush').hidden = this.tool !== 'brush' && this.tool !== 'eraser'
    this.toolChosen()
  }

  private showLayouts(): void {
    element('layouts').replaceChildren(
      ...LAYOUTS.map((layout) =>
        toggle(layout === 'all' ? 'All' : layout[0].toUpperCase() + layout.slice(1), `Show ${layout} (O)`, layout === this.layout, () =>
          this.setLayout(layout),
        ),
      ),
    )
  }

  private showObjects(work: Work): void {
    const box = element('objects')
    const { activeElement: at } = document
    if (box.contains(at) && at instanceof HTMLInputElement && at.type === 'text') return
    const known = [...work.state.labels]
    if (!known.some((label) => label.value === work.label)) {
      known.push({ value: work.label, name: 'new object: draw it', color: '#5d6675', locked: false, swept: false, overlaps: false, inside: null, outside: [], doubts: [] })
    }
    // Only what says something else now is made anew: a button that is pressed stays under the pointer.
    const told = JSON.stringify(known)
    if (told !== box.dataset.told) box.replaceChildren(...known.map((label) => this.object(work, label)))
    box.dataset.told = told
    for (const row of box.children) row.classList.toggle('now', (row as HTMLElement).dataset.label === `${work.label}`)
  }

  private object(work: Work, label: Label): HTMLElement {
    const row = document.createElement('div')
    row.className = 'object'
    row.dataset.label = `${label.value}`
    const there = work.state.labels.includes(label)
    const color = Object.assign(document.createElement('input'), { type: 'color', value: label.color, disabled: !there })
    color.title = 'Colour'
    color.addEventListener('change', () => color.blur())
    color.addEventListener('change', () => void work.act({ action: 'edit_label', label: label.value, color: color.value }))
    const name = Object.assign(document.createElement('input'), { type: 'text', value: label.name, disabled: !there })
    name.title = 'Name'
    name.addEventListener('change', () => {
      name.blur()
      void work.act({ action: 'edit_label', label: label.value, name: name.value })
    })
    name.addEventListener('keydown', (event) => event.key === 'Enter' && name.blur())
    const lock = toggle(label.locked ? 'Locked' : 'Lock', 'Nothing changes it while it is locked (K)', label.locked, () =>
      work.act({ action: 'edit_label', label: label.value, locked: !label.locked }),
    )
    const lies = button('∩', 'How it lies to others: whether it may overlap, inside what', () => relate(work, label.value))
    const remove = button('×', 'Delete this object', () => void work.remove(label.value))
    lock.hidden = remove.hidden = lies.hidden = !there
    row.addEventListener('click', (event) => {
      if (event.target === remove) return
      work.label = label.value
      for (const other of row.parentElement?.children ?? []) other.classList.toggle('now', other === row)
      work.changed()
    })
    row.append(color, name, lock, lies, remove)
    const words = inWords(label, work.state.labels)
    if (words) row.append(make('small', words))
    for (const doubt of label.doubts) row.append(make('small', doubt))
    return row
  }

  private showMeasured(work: Work): void {
    element('measured').replaceChildren(
      ...work.measured.map((one) => {
        const line = document.createElement('div')
        const { long_mm: long, short_mm: short } = one.diameters
        line.textContent = `${one.name}: ${one.volume_ml.toFixed(one.volume_ml < 10 ? 2 : 1)} mL, ${long.toFixed(1)} × ${short.toFixed(1)} mm`
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
      const kind = !trust || (trust.empty && !trust.doubtful && !trust.prompted) ? '' : kindOf(trust)
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
    const by = trust?.from_finder ? 'drawn by the finder, ' : ''
    const what = !trust ? '' : trust.prompted ? 'drawn by you' : trust.empty ? 'nothing found' : `${by}expected overlap ${trust.trust.toFixed(2)}`
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
  }
}

function kindOf(trust: SliceTrust): string {
  if (trust.prompted) return 'prompted'
  if (trust.doubtful) return 'doubtful'
  return trust.from_finder ? 'finder' : 'sure'
}

function round(value: number): string {
  return `${Math.round(value * 100) / 100}`
}
