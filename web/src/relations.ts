// How an object lies to others: whether it may overlap, what it lies inside and outside of.
import type { Label } from './api'
import { button, element, make } from './panel'
import type { Work } from './work'

/** In a few words, or none. */
export function inWords(label: Label, labels: Label[]): string {
  const name = (value: number) => labels.find((one) => one.value === value)?.name ?? `object ${value}`
  return [
    label.overlaps ? 'may overlap' : '',
    label.inside ? `inside ${name(label.inside)}` : '',
    label.outside.length ? `outside ${label.outside.map(name).join(', ')}` : '',
  ].filter(Boolean).join(', ')
}

/** Let the reader say it; each change is an action like any other. */
export function relate(work: Work, value: number): void {
  const box = element<HTMLDialogElement>('lies')
  const problem = make('p', '', 'error')
  const show = () => {
    const label = work.state.labels.find((one) => one.value === value)
    if (!label) return box.close()
    const others = work.state.labels.filter((one) => one.value !== value)
    const change = async (more: object) => {
      const done = await work.act({ action: 'relate', label: value, ...more })
      problem.textContent = done ? '' : element('message').textContent
      show()
    }
    const may = checkbox('May overlap with other objects', label.overlaps, (overlaps) => void change({ overlaps }))
    const inside = make('select') as HTMLSelectElement
    inside.setAttribute('aria-label', 'Inside')
    inside.replaceChildren(new Option('no other', '0'), ...others.map((one) => new Option(one.name, `${one.value}`)))
    inside.value = `${label.inside ?? 0}`
    inside.addEventListener('change', () => void change({ inside: +inside.value }))
    const row = make('label', 'Inside, and clipped by ', 'row')
    row.append(inside)
    const outside = others.map((one) =>
      checkbox(`Outside ${one.name}`, label.outside.includes(one.value), (yes) => {
        const rest = label.outside.filter((other) => other !== one.value)
        void change({ outside: yes ? [...rest, one.value] : rest })
      }),
    )
    const text = 'It then takes no voxel from others, and loses none to them. Where two overlap, the smaller lies over the larger, in mixed colours.'
    const close = button('Close', 'Close', () => box.close())
    box.replaceChildren(make('h1', `${label.name} and others`), make('p', text, 'quiet'), may, row, ...outside, problem, close)
  }
  show()
  box.showModal()
}

function checkbox(text: string, checked: boolean, change: (yes: boolean) => void): HTMLElement {
  const row = make('label', '', 'row')
  const box = Object.assign(make('input'), { type: 'checkbox', checked })
  box.addEventListener('change', () => change(box.checked))
  row.append(box, text)
  return row
}
