// The page: a volume, its objects, and the server that follows them through the slices.
import * as api from './api'
import type { Opened } from './api'
import { Overlay, type Tool } from './overlay'
import { Panel, element, say } from './panel'
import { save } from './saving'
import { choose } from './start'
import { LAYOUTS, Viewer, pointOf } from './viewer'
import { Work } from './work'

const KEYS: [string, string][] = [
  ['V B P M D', 'look, box, point +, point −, line'],
  ['C, Shift+C', 'a stroke over the object, over what is not it'],
  ['wheel, ↑ ↓', 'slices of the plane under the pointer; of the scan’s own'],
  ['Ctrl+wheel, middle drag', 'zoom, move the image'],
  ['F', 'zoom to the object, and back'],
  ['right drag', 'window: across its width, up and down its level'],
  ['S, Esc', 'sweep, stop'],
  ['[ ]', 'the object’s first, last slice'],
  ['N, Shift+N, A', 'next, previous doubtful slice; tick off'],
  ['Q W K', 'previous, next object; lock'],
  ['Ctrl+Z, Ctrl+Y', 'undo, redo'],
  ['Ctrl+S', 'save'],
  ['H held', 'hide what lies over the image'],
  ['O', 'other planes'],
  ['1 … 8, 0', 'windows for CT; as opened'],
]
const TOOL_KEYS: Record<string, Tool> = { v: 'look', b: 'box', p: 'point+', m: 'point-', d: 'line', c: 'stroke+', C: 'stroke-' }

const viewer = new Viewer(element<HTMLCanvasElement>('gl'))
const panel = new Panel(viewer)
let work: Work | null = null
let window_: [number, number] = [0, 1]
const overlay = new Overlay(document.querySelector<SVGSVGElement>('#over')!, viewer, {
  tool: () => panel.tool,
  drawn: (stroke) => {
    // The other planes show what is drawn on.
    const [x, y] = [(stroke.from.x + stroke.to.x) / 2, (stroke.from.y + stroke.to.y) / 2]
    const { geometry } = viewer
    viewer.goTo(geometry.toShown(geometry.fromPlane(stroke.plane, stroke.slice, x, y)))
    void work?.draw(panel.tool, stroke)
  },
  windowed,
  moved: () => panel.showStrip(),
})
viewer.drawn = () => {
  overlay.draw()
  panel.showPlace()
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
  for (const [keys, what] of KEYS) {
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
  const key = event.key.toLowerCase()
  const control = event.ctrlKey || event.metaKey
  const tool = TOOL_KEYS[event.shiftKey ? key.toUpperCase() : key]
  const action = control ? CONTROL[event.shiftKey && key === 'z' ? 'y' : key] : (PLAIN[event.key] ?? PLAIN[key])
  if (action) action(event)
  else if (!control && tool) panel.setTool(tool)
  else if (!control && /^[0-8]$/.test(key)) {
    const list = element<HTMLSelectElement>('window')
    if (+key >= list.length) return
    list.selectedIndex = +key
    chooseWindow(list.value)
  } else return
  event.preventDefault()
}

const CONTROL: Record<string, (event: KeyboardEvent) => void> = {
  z: () => void work!.act({ action: 'undo' }),
  y: () => void work!.act({ action: 'redo' }),
  s: () => void save(work!),
}
const PLAIN: Record<string, (event: KeyboardEvent) => void> = {
  s: sweep,
  Escape: () => void work!.stop(),
  n: (event) => goDoubtful(event.shiftKey),
  a: () => work!.tick(),
  q: () => other(-1),
  w: () => other(1),
  k: () => {
    const now = work!.state.labels.find((label) => label.value === work!.label)
    if (now) void work!.act({ action: 'edit_label', label: now.value, locked: !now.locked })
  },
  '[': () => work!.extent('first'),
  ']': () => work!.extent('last'),
  '?': help,
  o: () => panel.setLayout(LAYOUTS[(LAYOUTS.indexOf(panel.layout) + 1) % LAYOUTS.length]),
  ArrowUp: () => turn(1),
  ArrowDown: () => turn(-1),
  h: () => hide(true),
  f: () => {
    const found = viewer.bitmap.bounds(work!.label)
    if (!found) return
    viewer.goTo(found[0].map((low, n) => (low + found[1][n]) / 2))
    viewer.zoomTo(...found)
    panel.showStrip()
  },
}

function turn(step: number): void {
  viewer.go(work!.plane, viewer.slice(work!.plane) + step)
  panel.showStrip()
}

function hide(hidden: boolean): void {
  overlay.hidden = hidden
  viewer.opacity = hidden ? 0 : 0.5
}

function wire(id: string, press: () => void): void {
  element(id).addEventListener('click', press)
}

wire('undo', () => void work?.act({ action: 'undo' }))
wire('redo', () => void work?.act({ action: 'redo' }))
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
element<HTMLSelectElement>('window').addEventListener('change', (event) => {
  const list = event.target as HTMLSelectElement
  list.blur()
  chooseWindow(list.value)
})
window.addEventListener('keydown', pressed)
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
Object.assign(window, { volsweep: { viewer, panel, overlay, work: () => work, pointOf } })
void begin().catch((error) => say(`${error.message}`, 'bad'))
