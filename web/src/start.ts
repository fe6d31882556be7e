// What can be opened: work that rests on the server, its folders, and files of one's own.
import * as api from './api'
import type { Opened } from './api'
import { element } from './panel'

interface Listing {
  folder: string
  path: string
  folders: string[]
  files: string[]
}

const dialog = () => element<HTMLDialogElement>('start')

function make<K extends keyof HTMLElementTagNameMap>(name: K, text = '', className = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  made.textContent = text
  made.className = className
  return made
}

/** Let the reader choose; what they chose, opened. */
export function choose(): Promise<Opened> {
  return new Promise((opened) => void new Start(opened).show())
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
    for (const child of listing.folders) {
      const row = entry(child, () => this.open(name, below(child)))
      const look = make('button', 'Look inside')
      look.onclick = () => void this.folder(name, below(child), place)
      row.append(look)
    }
    for (const child of listing.files) entry(child, () => this.open(name, below(child)))
    const slices = listing.files.filter((child) => /(^[^.]+|\.dcm|\.ima)$/i.test(child))
    if (slices.length > 1) entry('All of this folder as one series', () => this.open(name, path))
    place.append(list)
    if (!into) dialog().append(place)
  }

  private open(folder: string, path: string): Promise<void> {
    return this.tried(async () => {
      const where = { folder, path }
      const { series } = await api.post('/series', where)
      const loadable = series.filter((one: any) => one.loadable)
      if (loadable.length > 1) return await this.pick(where, loadable)
      return await api.post('/sessions', { where })
    })
  }

  private pick(where: object, series: any[]): Promise<Opened> {
    return new Promise((resolve, reject) => {
      const list = make('ul')
      for (const one of series) {
        const row = make('li')
        const size = one.shape_zyx ? [...one.shape_zyx].reverse().join(' × ') : ''
        const go = make('button', [one.number, one.description, one.modality, size].filter(Boolean).join(' · '))
        go.onclick = () => api.post('/sessions', { where, series: one.uid }).then(resolve, reject)
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
        void this.tried(async () => api.post('/sessions', { upload: await api.upload(chosen) }))
      }
    }
    dialog().append(make('h2', 'A file of yours'), row)
    row.append(file, note)
  }

  private async tried(open: () => Promise<Opened>): Promise<void> {
    this.problem.className = 'quiet'
    this.problem.textContent = 'Opening…'
    try {
      const found = await open()
      dialog().close()
      this.opened(found)
    } catch (error) {
      this.tell(error)
    }
  }

  private tell(error: unknown): void {
    this.problem.className = 'error'
    this.problem.textContent = error instanceof Error ? error.message : `${error}`
  }
}
