// Asks the server; the token comes with the address, behind the #, and is sent as a header alone.
import { type Frame, Unpacker } from './wire'

const PREFIX = '/api/v1'
const KEPT = 'volsweep-token'

export interface Prompt {
  kind: string
  label: number
  plane: string
  slice: number
  positive?: boolean
  point_xy?: number[]
  box_xyxy?: number[]
  line_xyxy?: number[]
  axes_xyxy?: number[]
  path_xy?: number[]
}

export interface Label {
  value: number
  name: string
  color: string
  locked: boolean
  swept: boolean
  overlaps: boolean
  /** The label that clips it. */
  inside: number | null
  /** Labels whose voxels it leaves alone. */
  outside: number[]
  /** What its name speaks of and the image does not show. */
  doubts: string[]
}

export interface Extent {
  label: number
  plane: string
  first: number | null
  last: number | null
  /** Where its ends are from, if they were drawn. */
  drawn?: { plane: string; slice: number; box_xyxy: number[] } | null
}

export interface State {
  window: [number, number]
  window_name: string
  model: string
  labels: Label[]
  prompts: Prompt[]
  extents: Extent[]
  can_undo: boolean
  can_redo: boolean
  actions: number
  sweeping: boolean
}

export interface PlaneShape {
  axis: number
  slices: number
  rows: number
  columns: number
  spacing_yx_mm: [number, number]
}

export interface VolumeAbout {
  shape_zyx: [number, number, number]
  spacing_zyx_mm: [number, number, number]
  modality: string
  unit: string | null
  plane: string
  planes: Record<string, PlaneShape>
  display: { axis: number; flipped: boolean }[]
  warnings: string[]
  windows: [string, number, number][]
}

export interface Opened extends State {
  id: string
  title: string
  volume: VolumeAbout
  notes: string[]
}

export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** What went wrong, by the server's name for it. */
    readonly kind = '',
  ) {
    super(message)
  }
}

function token(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given) {
    sessionStorage.setItem(KEPT, given)
    history.replaceState(null, '', location.pathname)
  }
  return given ?? sessionStorage.getItem(KEPT) ?? ''
}

const TOKEN = token()

async function ask(method: string, path: string, said?: unknown, more: RequestInit = {}): Promise<Response> {
  const headers = new Headers(more.headers)
  headers.set('Authorization', `Bearer ${TOKEN}`)
  let body = more.body
  if (said !== undefined) {
    headers.set('Content-Type', 'application/json')
    body = JSON.stringify(said)
  }
  let answer: Response
  try {
    answer = await fetch(PREFIX + path, { ...more, method, headers, body, cache: 'no-store', credentials: 'omit' })
  } catch {
    throw new Refused('The server does not answer. Your work is kept there; try again in a moment.', 0)
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}))
    throw new Refused(told.error ?? `the server refuses (${answer.status})`, answer.status, told.kind)
  }
  return answer
}

export async function get(path: string): Promise<any> {
  return (await ask('GET', path)).json()
}

export async function post(path: string, said: unknown = {}): Promise<any> {
  const answer = await ask('POST', path, said)
  return answer.status === 204 ? null : answer.json()
}

export async function remove(path: string): Promise<void> {
  await ask('DELETE', path)
}

export async function bytes(path: string): Promise<ArrayBuffer> {
  return (await ask('GET', path)).arrayBuffer()
}

export async function blob(path: string): Promise<Blob> {
  return (await ask('GET', path)).blob()
}

export async function upload(file: File): Promise<string> {
  const name = encodeURIComponent(file.name) // a header carries ASCII
  const answer = await ask('POST', '/uploads', undefined, { body: file, headers: { 'Volsweep-Name': name } })
  return (await answer.json()).upload
}

/** Frames of an answer, as they come. */
export async function* frames(method: string, path: string, said?: unknown): AsyncGenerator<Frame> {
  const answer = await ask(method, path, said)
  const reader = answer.body!.getReader()
  const unpacker = new Unpacker()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      yield* unpacker.feed(value)
    }
  } catch (error) {
    if (error instanceof TypeError) throw new Refused('The connection broke. What was found is kept.', 0)
    throw error
  }
  if (!unpacker.done) throw new Refused('The answer ended early. What was found is kept.', 0)
}
