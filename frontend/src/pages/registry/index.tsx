import { useState } from 'react'
import { useSearchParams } from 'react-router'
import { ENVIRONMENTS, type Environment } from '../../api'
import { Page, Tabs } from '../../ui'
import { type Looked, Registry } from './Registry'

const TABS = ENVIRONMENTS.map((key) => ({ key, label: key }))

export function Component() {
  const [address, setAddress] = useSearchParams()
  const environment = ENVIRONMENTS.find((one) => one === address.get('env')) ?? 'dev'
  const [looked, setLooked] = useState<Partial<Record<Environment, Looked>>>({})
  return (
    <Page title="Registry" subtitle="Which versions lie in each environment’s bucket, whoever put them there.">
      <Tabs label="Environment" tabs={TABS} current={environment} onChange={(env) => setAddress({ env }, { replace: true, preventScrollReset: true })}>
        <Registry key={environment} environment={environment} looked={looked[environment]} onLooked={(now) => setLooked((old) => ({ ...old, [environment]: now }))} />
      </Tabs>
    </Page>
  )
}
