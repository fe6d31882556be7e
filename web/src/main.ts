// The page: a volume, its objects, and the server that follows them through the slices.
import * as api from './api'
import type { Opened } from './api'
import { Painting, type Place } from './brush'
import { Finding } from './finding'
import type { Plane } from './geometry'
import { HELP, type Tool, nameOf, toolOf } from './keys'
import { Overlay } from './overlay'
import { Panel, element, say } from './panel'
import { Pointing } from './pointing'
import type { Stroke } from './prompts'
import { save } from './saving'
import { choose } from './start'
import { LAYOUTS, Viewer, pointOf } from './viewer'
import { Work } from './work'

const viewer = new Viewer(element<HTMLCanvasElement>('gl'))
const panel = new Panel(viewer)
let work: Work | null = null
let window_: [number, number] = [0, 1]
let painting: Painting | null = null
const svg = document.querySelector<SVGSVGElement>('#over')!
const overlay = new Overlay(svg, viewer)
const finding = new Finding(viewer, overlay)
const pointing = new Pointing(svg, viewer, overlay, { tool: () => panel.tool, drawn, painted, lifted, windowed, moved })
viewer.drawn = () => {
  overlay.draw()
  panel.showPlace()
}
panel.toolChosen = forget

/** The plane that is drawn on; those beside it show where an object begins and ends. */
function mainPlane(): Plane {
  return panel.layout === 'all' || panel.layout === '3D' ? work!.plane : panel.layout
}

function drawn(tool: Tool, stroke: Stroke, takeAway: boolean): void {
  if (!work) return
  // The other planes show what is drawn on.
  const [x, y] = [(stroke.from.x + stroke.to.x) / 2, (stroke.from.y + stroke.to.y) / 2]
  const { geometry } = viewer
  viewer.goTo(geometry.toShown(geometry.fromPlane(stroke.plane, stroke.slice, x, y)))
  if (tool === 'lasso') return enclose(stroke, takeAway)
  const begun = overlay.first
  overlay.first = null
  const here = begun?.plane === stroke.plane && begun.slice === stroke.slice
  if (tool === 'recist' && !here) {
    if (Math.hypot(stroke.from.x - stroke.to.x, stroke.from.y - stroke.to.y) < 2) {
      return say('Drag the longest diameter, from one end to the other.')
    }
    overlay.first = stroke
    return say('Now the axis across it: from one end to the other. Esc forgets it.')
  }
  void work.draw(tool, begun ? { ...stroke, first: begun } : stroke, mainPlane())
}

/** What was begun is not gone on with; whether there was anything. */
function forget(): boolean {
  const begun = overlay.first !== null
  overlay.first = null
  if (begun) say('')
  overlay.draw()
  return begun
}

function begunOn(plane: Plane, slice: number): Painting {
  const { labels } = work!.state
  const shares = (label: number) => labels.some((one) => one.value === label && one.overlaps)
  return new Painting(viewer.bitmap, viewer.geometry, work!.label, plane, slice, shares)
}

function enclose(stroke: Stroke, takeAway: boolean): void {
  const made = begunOn(stroke.plane, stroke.slice)
  if (!made.enclose(stroke.path, !takeAway)) return say('The lasso holds no voxel: draw around what is meant.')
  viewer.labels()
  void work!.paint(made)
}

function painted(plane: Plane, slice: number, from: Place, to: Place): void {
  if (!work) return
  painting ??= begunOn(plane, slice)
  painting.stroke(from, to, overlay.brush_mm, panel.tool === 'brush')
  viewer.labels()
}

function lifted(forgotten: boolean): void {
  if (painting && forgotten) {
    painting.forget()
    viewer.labels()
  } else if (painting && work) void work.paint(painting)
  painting = null
}

/** The brush is so many voxels wide, along the finer side of the slices. */
function brush(size: number): void {
  const slider = element<HTMLInputElement>('size')
  slider.value = `${size}`
  element('size-said').textContent = slider.value
  if (work) overlay.brush_mm = +slider.value * Math.min(...viewer.geometry.spacing(mainPlane()))
  overlay.draw()
}

function moved(): void {
  panel.showStrip()
  if (overlay.first && viewer.slice(overlay.first.plane) !== overlay.first.slice) forget()
}

function windowed(dx: number, dy: number, done: boolean): void {
  const [center, width] = window_
  const step = Math.max(width / 300, 1e-6)
  window_ = [center + dy * step, Math.max(step, width + dx * step)]
  viewer.setWindow(window_)
  if (done && work) void work.use(`${window_[1].toPrecision(5)}/${window_[0].toPrecision(5)}`)
}

function show(): void {
  if (!work) return
  overlay.prompts = work.state.prompts
  overlay.labels = work.state.labels
  overlay.extents = work.state.extents
  overlay.current = work.label
  panel.show()
  viewer.draw()
}

async function open(opened: Opened): Promise<void> {
  work?.end()
  say('Loading…')
  const voxels = await api.bytes(`/sessions/${opened.id}/volume`)
  await viewer.open(voxels, opened.volume)
  work = new Work(opened, viewer)
  work.changed = show
  work.said = say
  sessionStorage.setItem('volsweep-session', opened.id)
  window_ = opened.window
  viewer.setWindow(window_)
  panel.set(work)
  document.querySelector<HTMLDialogElement>('#lies')?.close()
  finding.set(work)
  overlay.first = null
  brush(+element<HTMLInputElement>('size').value)
  if (opened.actions) await work.all()
  else show()
  const last = opened.prompts[opened.prompts.length - 1]
  if (last) viewer.go(last.plane as any, last.slice)
  say([...opened.volume.warnings, ...opened.notes].join(' '))
  panel.showStrip()
  document.body.dataset.ready = opened.id
}

function chooseWindow(name: string): void {
  if (!work) return
  void work.use(name).then(() => {
    window_ = work!.state.window
    viewer.setWindow(window_)
  })
}

function goDoubtful(back: boolean): void {
  const next = work?.nextDoubtful(back)
  if (next) viewer.go(...next)
  panel.showStrip()
}

function other(step: number): void {
  if (!work) return
  const values = work.state.labels.map((label) => label.value)
  const at = values.indexOf(work.label)
  if (values.length) work.label = values[(at + step + values.length) % values.length]
  show()
}

function sweep(): void {
  void (work?.progress ? work.stop() : work?.sweep())
}

function help(): void {
  const box = element<HTMLDialogElement>('help')
  box.innerHTML = `<h1>Keys and mouse</h1><dl></dl><form method="dialog"><button>Close</button></form>`
  for (const [keys, what] of HELP) {
    const [term, text] = [document.createElement('dt'), document.createElement('dd')]
    term.textContent = keys
    text.textContent = what
    box.querySelector('dl')!.append(term, text)
  }
  box.showModal()
}

function pressed(event: KeyboardEvent): void {
  const typing = event.target instanceof HTMLInputElement && event.target.type === 'text'
  if (!work || typing || document.querySelector('dialog[open]')) return
  const key = nameOf(event)
  const tool = toolOf(key)
  if (DO[key]) DO[key]()
  else if (tool) panel.setTool(tool)
  else if (/^[0-8]$/.test(key)) {
    const list = element<HTMLSelectElement>('window')
    if (+key >= list.length) return
    list.selectedIndex = +key
    chooseWindow(list.value)
  } else return
  event.preventDefault()
}

const undo = () => void work!.act({ action: 'undo' })
const redo = () => void work!.act({ action: 'redo' })

const DO: Record<string, () => void> = {
  'Control-Z': undo,
  'Control-Shift-Z': redo,
  'Control-Y': redo,
  'Control-S': () => void save(work!),
  'Control-ArrowUp': () => work!.copySlice(1),
  'Control-ArrowDown': () => work!.copySlice(-1),
  S: sweep,
  Escape: () => void (forget() || work!.stop()),
  N: () => goDoubtful(false),
  'Shift-N': () => goDoubtful(true),
  A: () => work!.tick(),
  Q: () => other(-1),
  W: () => other(1),
  K: () => {
    const now = work!.state.labels.find((label) => label.value === work!.label)
    if (now) void work!.act({ action: 'edit_label', label: now.value, locked: !now.locked })
  },
  '[': () => bracket(-1),
  ']': () => bracket(1),
  '?': help,
  F1: help,
  O: () => panel.setLayout(LAYOUTS[(LAYOUTS.indexOf(panel.layout) + 1) % LAYOUTS.length]),
  ArrowUp: () => turn(1),
  ArrowDown: () => turn(-1),
  T: () => viewer.turnOutline(),
  ',': () => viewer.changeOpacity(-0.1),
  '.': () => viewer.changeOpacity(0.1),
  H: () => hide(true),
  F: () => {
    const found = viewer.bitmap.bounds(work!.label)
    if (!found) return
    viewer.goTo(found[0].map((low, n) => (low + found[1][n]) / 2))
    viewer.zoomTo(...found)
    moved()
  },
}

/** While one paints, a smaller or larger brush; else the object's first or last slice. */
function bracket(way: number): void {
  if (panel.tool === 'brush' || panel.tool === 'eraser') brush(+element<HTMLInputElement>('size').value + way)
  else work!.extent(way < 0 ? 'first' : 'last')
}

function turn(step: number): void {
  viewer.go(work!.plane, viewer.slice(work!.plane) + step)
  moved()
}

function hide(hidden: boolean): void {
  overlay.hidden = hidden
  viewer.looks(hidden)
}

function wire(id: string, press: () => void): void {
  element(id).addEventListener('click', press)
}

wire('undo', () => work && undo())
wire('redo', () => work && redo())
wire('save', () => work && void save(work))
wire('close', () => void choose().then(open).catch((error) => say(`${error.message}`, 'bad')))
wire('keys', help)
wire('add', () => work?.newObject())
wire('sweep', sweep)
wire('first', () => work?.extent('first'))
wire('last', () => work?.extent('last'))
wire('doubt', () => goDoubtful(false))
wire('tick', () => work?.tick())
element('strip').addEventListener('pointerdown', (event) => {
  const cell = (event.target as HTMLElement).dataset.slice
  if (cell) viewer.go(element('strip').dataset.plane as any, +cell)
  panel.showStrip()
})
element<HTMLInputElement>('size').addEventListener('input', (event) => brush(+(event.target as HTMLInputElement).value))
element<HTMLSelectElement>('window').addEventListener('change', (event) => {
  const list = event.target as HTMLSelectElement
  list.blur()
  chooseWindow(list.value)
})
window.addEventListener('keydown', pressed)
window.addEventListener('focus', () => void work?.upToDate().catch(() => {}))
window.addEventListener('keyup', (event) => event.key.toLowerCase() === 'h' && hide(false))

async function begin(): Promise<void> {
  try {
    await viewer.begin()
  } catch {
    say('This browser has no WebGL 2, which the image needs; use a current Firefox, Chrome, Edge or Safari.', 'bad')
    return
  }
  const before = sessionStorage.getItem('volsweep-session')
  if (before) {
    try {
      return await open(await api.post(`/sessions/${before}/resume`))
    } catch {
      sessionStorage.removeItem('volsweep-session')
    }
  }
  await open(await choose())
}

// For tests, and for whoever looks at it in the browser's console.
Object.assign(window, { volsweep: { viewer, panel, overlay, pointing, work: () => work, pointOf } })
void begin().catch((error) => say(`${error.message}`, 'bad'))
