import { useModels } from '../api/models'
import { listed } from '../api/polling'
import type { ModelSummary } from '../api/types'
import { useSettled } from '../ui/useSettled'

/** How many names are suggested while one types. */
const SUGGESTED = 20

/** Names like what is typed, and where the model of that name serves; undefined while none is known. */
export function useDeployed(model: string): { names: string[]; deployed: ModelSummary['environments'] | undefined } {
  const typed = model.trim()
  const { items } = listed(useModels({ search: useSettled(typed) || undefined }, SUGGESTED).data)
  return { names: items.map((one) => one.name), deployed: items.find((one) => one.name === typed)?.environments }
}
