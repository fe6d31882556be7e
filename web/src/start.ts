// What can be opened: work that rests on the server, its folders, and files of one's own.
import * as api from './api'
import type { Opened } from './api'
import { button, element, make } from './panel'

interface Listing {
  folder: string
  path: string
  folders: string[]
  files: string[]
}

const dialog = () => element<HTMLDialogElement>('start')

/** Let the reader choose; what they chose, opened. */
export function choose(): Promise<Opened> {
  return new Promise((opened) => void new Start(opened).show())
}

/** Of a series, by its name: scanners give no suffix, or .dcm, .ima, or names that end in a number or a UID. */
function isSlice(name: string): boolean {
  return /(^[^.]+|\.dcm|\.ima|\.\d+)$/i.test(name)
}

class Start {
  private readonly problem = make('p', '', 'error')

  constructor(private readonly opened: (one: Opened) => void) {}

  async show(): Promise<void> {
    const box = dialog()
    if (!box.open) box.showModal()
    box.oncancel = (event) => event.preventDefault()
    box.replaceChildren(make('h1', 'Open a volume'), this.problem)
    try {
      const about = await api.get('')
      const { sessions } = await api.get('/sessions')
      const worked = sessions.filter((one: any) => one.actions || one.open)
      if (worked.length) {
        box.append(make('h2', 'Your work'))
        const list = make('ul')
        for (const one of worked) {
          const row = make('li')
          const when = new Date(1000 * one.when).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
          const go = make('button', `${one.title} · ${one.actions} actions · ${when}`)
          go.onclick = () => this.tried(() => api.post(`/sessions/${one.id}/resume`))
          const forget = make('button', 'Delete')
          forget.onclick = async () => {
            if (!confirm(`Delete the work on ${one.title} for good?`)) return
            await api.remove(`/sessions/${one.id}`)
            await this.show()
          }
          row.append(go, forget)
          list.append(row)
        }
        box.append(list)
      }
      for (const folder of about.folders) await this.folder(folder, '')
      this.upload(about.upload_bytes)
    } catch (error) {
      this.tell(error)
    }
  }

  private async folder(name: string, path: string, into?: HTMLElement): Promise<void> {
    const listing: Listing = await api.post('/folder', { folder: name, path })
    const place = into ?? make('section')
    place.replaceChildren(make('h2', [name, path].filter(Boolean).join(' / ')))
    const list = make('ul')
    const entry = (text: string, go: () => unknown) => {
      const row = make('li')
      const made = make('button', text)
      made.onclick = go
      row.append(made)
      list.append(row)
      return row
    }
    const below = (child: string) => (path ? `${path}/${child}` : child)
    if (path) entry('↑ up', () => this.folder(name, path.split('/').slice(0, -1).join('/'), place))
    const slices = new Set(listing.files.filter(isSlice))
    if (slices.size > 1) entry(`This folder · ${slices.size} slices`, () => this.open(name, path))
    else slices.clear()
    for (const child of listing.folders) {
      const row = entry(child, () => this.open(name, below(child)))
      const look = make('button', 'Look inside')
      look.onclick = () => void this.folder(name, below(child), place)
      row.append(look)
    }
    for (const child of listing.files) if (!slices.has(child)) entry(child, () => this.open(name, below(child)))
    if (!list.children.length) place.append(make('p', 'Nothing here that can be opened.', 'quiet'))
    place.append(list)
    if (!into) dialog().append(place)
  }

  private open(folder: string, path: string): Promise<void> {
    return this.tried(async (gaps) => {
      const where = { folder, path }
      const { series } = await api.post('/series', where)
      const usable = series.filter((one: any) => one.loadable || one.loads_with_gaps)
      if (usable.length > 1) return await this.pick(where, usable)
      return await api.post('/sessions', { where, gaps })
    })
  }

  private pick(where: object, series: any[]): Promise<Opened> {
    return new Promise((resolve, reject) => {
      const list = make('ul')
      for (const one of series) {
        const row = make('li')
        const size = one.shape_zyx ? [...one.shape_zyx].reverse().join(' × ') : ''
        const go = make('button', [one.number, one.description, one.modality, size, one.loadable ? '' : 'uneven slices'].filter(Boolean).join(' · '))
        const gaps = one.loadable ? 'refuse' : 'keep'
        go.onclick = () => api.post('/sessions', { where, series: one.uid, gaps }).then(resolve, reject)
        row.append(go)
        list.append(row)
      }
      dialog().replaceChildren(make('h1', 'Which series?'), this.problem, list)
    })
  }

  private upload(most: number): void {
    const row = make('div', '', 'row')
    const file = Object.assign(make('input'), { type: 'file', accept: '.zip,.nii,.nii.gz,.gz,.nrrd,.mha,.dcm' })
    file.setAttribute('aria-label', 'A file of yours')
    const note = make('span', `NIfTI, NRRD, MetaImage, or DICOM in a zip; up to ${Math.round(most / 2 ** 20)} MiB.`, 'quiet')
    file.onchange = () => {
      const chosen = file.files?.[0]
      if (chosen) {
        note.textContent = 'Sending…'
        void this.tried(async (gaps) => api.post('/sessions', { upload: await api.upload(chosen), gaps }))
      }
    }
    dialog().append(make('h2', 'A file of yours'), row)
    row.append(file, note)
  }

  /** Open something; where slices are missing or uneven, those there are open if the reader says so. */
  private async tried(open: (gaps: 'refuse' | 'keep') => Promise<Opened>, gaps: 'refuse' | 'keep' = 'refuse'): Promise<void> {
    this.problem.className = 'quiet'
    this.problem.textContent = 'Opening…'
    try {
      const found = await open(gaps)
      dialog().close()
      this.opened(found)
    } catch (error) {
      this.tell(error)
      if (!(error instanceof api.Refused) || error.kind !== 'GapsError' || gaps === 'keep') return
      const [why] = error.message.split('; gaps=')
      this.problem.textContent = `${why[0].toUpperCase()}${why.slice(1)}. `
      this.problem.append(button('Open the slices there are', 'Each at its own position', () => void this.tried(open, 'keep')))
      this.problem.scrollIntoView({ block: 'nearest' })
    }
  }

  private tell(error: unknown): void {
    this.problem.className = 'error'
    this.problem.textContent = error instanceof Error ? error.message : `${error}`
  }
}
