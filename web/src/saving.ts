// Labels to a file: its name, its format, where to, and the receipt.
import * as api from './api'
import { element } from './panel'
import type { Work } from './work'

export async function save(work: Work): Promise<void> {
  const about = await api.get('')
  const box = element<HTMLDialogElement>('saving')
  const stem = work.opened.title.replace(/\.(nii\.gz|nii|nrrd|mha|zip|dcm)$/i, '').replace(/[^\p{L}\p{M}\p{N} _.()-]/gu, '_') || 'scan'
  box.innerHTML = `
    <h1>Save the labels</h1>
    <p class="quiet">They lie on exactly the voxels of the scan, and are read back before the file gets its name.</p>
    <form method="dialog">
      <div class="row"><input type="text" id="save-name" aria-label="Name" maxlength="80" /><select id="save-format" aria-label="Format"></select></div>
      <div class="row"><label><input type="checkbox" id="save-over" /> replace a file of this name</label></div>
      <p id="save-said" class="quiet" role="status"></p>
      <div class="row">
        <button type="button" id="save-folder" class="primary">Save on the server</button>
        <button type="button" id="save-down">Download</button>
        <span class="spring"></span>
        <button id="save-done">Close</button>
      </div>
    </form>`
  const name = element<HTMLInputElement>('save-name')
  const format = element<HTMLSelectElement>('save-format')
  const said = element('save-said')
  name.value = `${stem}-labels`
  for (const [text, suffix] of about.formats) format.add(new Option(`${text} (${suffix})`, suffix))
  element('save-folder').hidden = !about.saves
  element('save-over').parentElement!.hidden = !about.saves
  const write = async (toFolder: boolean) => {
    said.className = 'quiet'
    said.textContent = 'Writing…'
    try {
      const over = element<HTMLInputElement>('save-over').checked
      const { receipt } = await work.save(name.value + format.value, toFolder, over)
      const voxels = Object.values(receipt.voxels as Record<string, number>).reduce((a, b) => a + b, 0)
      said.textContent = `${receipt.path}: ${voxels} voxels, read back and compared. SHA-256 ${receipt.sha256.slice(0, 16)}…`
    } catch (error) {
      said.className = 'error'
      said.textContent = error instanceof Error ? error.message : `${error}`
    }
  }
  element('save-folder').onclick = () => void write(true)
  element('save-down').onclick = () => void write(false)
  box.showModal()
}
