// The keys and the mouse: those of the napari plugin (a test holds both tables together).

export const TOOLS = ['look', 'box', 'point+', 'point-', 'line', 'recist', 'scribble+', 'scribble-', 'brush', 'eraser', 'lasso'] as const
export type Tool = (typeof TOOLS)[number]

export const TOOL_KEYS: Record<Tool, string> = {
  look: 'V',
  box: 'B',
  'point+': 'P',
  'point-': 'M',
  line: 'D',
  recist: 'X',
  'scribble+': 'C',
  'scribble-': 'Shift-C',
  brush: 'R',
  eraser: 'E',
  lasso: 'L',
}

/** What is shown for `?`. */
export const HELP: [string, string][] = [
  ['V B P M', 'look, box, point +, point −'],
  ['D X', 'longest diameter; both axes (RECIST)'],
  ['C, Shift+C', 'a stroke over the object, over what is not it'],
  ['R E L', 'brush, eraser, lasso (Alt: take away)'],
  ['[ ]', 'the object’s first, last slice; brush size'],
  ['S, Esc', 'sweep, stop'],
  ['N, Shift+N, A', 'next, previous doubtful slice; tick off'],
  ['Q W K', 'previous, next object; lock'],
  ['Ctrl+↑ ↓', 'copy to the next, previous slice'],
  ['Ctrl+Z, Ctrl+Y', 'undo, redo'],
  ['Ctrl+S', 'save'],
  ['T , .', 'outline or fill; less, more opaque'],
  ['H held', 'hide what lies over the image'],
  ['F, O', 'zoom to the object, and back; other planes'],
  ['1 … 8, 0', 'windows for CT; as opened'],
  ['wheel, ↑ ↓', 'slices of the plane under the pointer; of the scan’s own'],
  ['Ctrl+wheel, middle drag', 'zoom, move the image'],
  ['right drag', 'window: across its width, up and down its level'],
  ['two fingers', 'zoom and move; one finger with V P M: slices; a tap: a point'],
]

/** A key as in the tables: `C`, `Shift-C`, `Control-ArrowUp`; a sign stays as it is, however it is typed. */
export function nameOf(event: KeyboardEvent): string {
  const letter = /^[a-z]$/i.test(event.key)
  const shift = event.shiftKey && (letter || event.key.length > 1)
  const control = event.ctrlKey || event.metaKey
  return `${control ? 'Control-' : ''}${shift ? 'Shift-' : ''}${letter ? event.key.toUpperCase() : event.key}`
}

const BY_KEY = new Map(TOOLS.map((tool) => [TOOL_KEYS[tool], tool]))

export function toolOf(key: string): Tool | undefined {
  return BY_KEY.get(key)
}
