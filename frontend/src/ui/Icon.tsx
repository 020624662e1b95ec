const paths = {
  dashboard: 'M3 9.5 10 3l7 6.5V17h-5v-5H8v5H3z',
  pipelines: 'M4 5h5v4H4zM11 11h5v4h-5zM9 7h4.5v4M6.5 9v4H11',
  models: 'M10 2.5 17 6v8l-7 3.5L3 14V6zM3 6l7 3.5L17 6M10 9.5v8',
  registry: 'M3 4h14v4H3zM4.5 8v8h11V8M8 11.5h4',
  tables: 'M3 4h14v12H3zM3 8h14M3 12h14M8 4v12',
  batches: 'M3 4h7v5H3zM3 11h7v5H3zM12.5 10H18M15.5 7.5 18 10l-2.5 2.5',
  schedules: 'M3 5h14v12H3zM3 9h14M7 3v4M13 3v4M7 13h3',
  repositories: 'M5 3h10v14l-2.5-1.5L10 17l-2.5-1.5L5 17zM8 7h4M8 10h4',
  settings: 'M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4',
  check: 'm4.5 10.5 3.5 3.5 7.5-8',
  cross: 'm5 5 10 10M15 5 5 15',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4.5l3 1.5',
  run: 'M16.5 10A6.5 6.5 0 1 1 10 3.5',
  play: 'M6.5 4v12l9-6z',
  pause: 'M7 5v10M13 5v10',
  stop: 'M6 6h8v8H6z',
  skip: 'M4 5l6 5-6 5zM11 5l5 5-5 5z',
  warning: 'M10 3 2.5 16.5h15zM10 8v4M10 14v.6',
  info: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 9v5M10 6v.6',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  up: 'M10 16V4M5 9l5-5 5 5',
  down: 'M10 4v12M5 11l5 5 5-5',
  left: 'm12 5-5 5 5 5',
  right: 'm8 5 5 5-5 5',
  external: 'M8 4H4v12h12v-4M11 4h5v5M16 4l-7 7',
  download: 'M10 3v9M6 8.5l4 4 4-4M4 16h12',
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4',
  menu: 'M3 6h14M3 10h14M3 14h14',
  sun: 'M10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.4 1.4M14.3 14.3l1.4 1.4M15.7 4.3l-1.4 1.4M5.7 14.3l-1.4 1.4',
  moon: 'M16 11.5A6.5 6.5 0 1 1 8.5 4a5 5 0 0 0 7.5 7.5z',
  retry: 'M15.5 7A6.5 6.5 0 1 0 16.5 10M16 3v4h-4',
  filter: 'M3 5h14l-5.5 6.5V16l-3-1.5v-3z',
  wrap: 'M3 5h14M3 10h11a3 3 0 0 1 0 6H9M11.5 13.5 9 16l2.5 2.5M3 15h3',
} as const

export type IconName = keyof typeof paths

/** Decoration beside a text; it says nothing to screen readers. */
export function Icon({ name, className = 'size-4' }: { name: IconName; className?: string }) {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true" focusable="false" className={`shrink-0 ${className}`}>
      <path d={paths[name]} fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}
