// Makes the page that `volsweep serve` shows: the same bytes from the same sources.
import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { build } from 'esbuild'

const target = new URL(process.argv[2] ? `${process.argv[2]}/` : '../src/volsweep/serve/static/', `file://${process.cwd()}/`)
await mkdir(target, { recursive: true })
await build({
  entryPoints: ['src/main.ts'],
  outfile: new URL('app.js', target).pathname,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
})
await build({ entryPoints: ['style.css'], outfile: new URL('style.css', target).pathname, minify: true })
await copyFile('index.html', new URL('index.html', target))
// What is in the bundle is named with its licence; NiiVue's package brings none along.
const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8'))
const texts = []
for (const path of Object.keys(packages).sort()) {
  if (!path || packages[path].dev || packages[path].optional) continue
  const name = path.replace(/^.*node_modules\//, '')
  const own = (await readdir(path)).find((file) => /^licen[cs]e/i.test(file))
  const text = await readFile(own ? `${path}/${own}` : `licences/${name.replace(/^.*\//, '')}.txt`, 'utf8')
  texts.push(`${name} ${packages[path].version}\n\n${text.trim()}\n`)
}
await writeFile(new URL('LICENSES.txt', target), texts.join(`\n${'-'.repeat(80)}\n\n`))
